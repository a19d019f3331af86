/// Ids of one text, in memory that is reused from text to text. Owned by one thread at a time.
struct TokenBuffer: ~Copyable {
  private var memory: UnsafeMutablePointer<Int32>
  private var capacity = 4096
  private(set) var count = 0

  init() { memory = .allocate(capacity: capacity) }

  deinit { memory.deallocate() }

  /// Forgets all ids.
  mutating func removeAll() { count = 0 }

  /// Makes room for this number of additional ids.
  @inline(__always)
  private mutating func reserve(_ more: Int) {
    if count + more > capacity { grow(count + more) }
  }

  private mutating func grow(_ needed: Int) {
    capacity = needed * 2
    let larger = UnsafeMutablePointer<Int32>.allocate(capacity: capacity)
    larger.update(from: memory, count: count)
    memory.deallocate()
    memory = larger
  }

  @inline(__always)
  mutating func append(_ id: Int32) {
    reserve(1)
    memory[count] = id
    count += 1
  }

  @inline(__always)
  mutating func append(_ ids: UnsafeBufferPointer<Int32>) {
    reserve(ids.count)
    for index in 0..<ids.count { memory[count + index] = ids[index] }
    count += ids.count
  }

  /// The ids from an index on.
  @inline(__always)
  func suffix(from index: Int) -> UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(start: memory + index, count: count - index)
  }
}
