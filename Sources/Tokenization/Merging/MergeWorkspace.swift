/// Memory for merging one word, reused from word to word by one thread at a time.
struct MergeWorkspace: ~Copyable {
  /// Up to this number of symbols, looking through all pairs for the next merge beats keeping them in a queue.
  static let scanLimit = 96

  private(set) var ids: UnsafeMutablePointer<Int32>
  private var ranks: UnsafeMutablePointer<UInt32>
  private var results: UnsafeMutablePointer<Int32>
  private var next: UnsafeMutablePointer<UInt32>
  private var previous: UnsafeMutablePointer<UInt32>
  private var capacity = 256
  private var queue = MinimumQueue()

  init() {
    ids = .allocate(capacity: capacity)
    ranks = .allocate(capacity: capacity)
    results = .allocate(capacity: capacity)
    next = .allocate(capacity: capacity)
    previous = .allocate(capacity: capacity)
  }

  deinit {
    ids.deallocate()
    ranks.deallocate()
    results.deallocate()
    next.deallocate()
    previous.deallocate()
  }

  /// Makes room for a word of this number of symbols; previous contents are lost.
  @inline(__always)
  mutating func reserve(_ count: Int) {
    if count > capacity { grow(count) }
  }

  private mutating func grow(_ count: Int) {
    ids.deallocate()
    ranks.deallocate()
    results.deallocate()
    next.deallocate()
    previous.deallocate()
    capacity = count * 2
    ids = .allocate(capacity: capacity)
    ranks = .allocate(capacity: capacity)
    results = .allocate(capacity: capacity)
    next = .allocate(capacity: capacity)
    previous = .allocate(capacity: capacity)
  }

  /// Merges `ids[..<count]`: again and again the pair of the lowest rank, the leftmost of equals.
  mutating func mergeByScanning(_ count: Int, _ merges: MergeTable, into output: inout TokenBuffer) {
    let (ids, ranks, results) = (ids, ranks, results)
    var count = count
    for index in 0..<max(0, count - 1) {
      let merge = merges.merge(ids[index], ids[index + 1])
      ranks[index] = merge.rank
      results[index] = merge.result
    }
    while count > 1 {
      var lowest = MergeTable.Merge.never
      // First the minimum, which the compiler turns into vector code, then its place.
      for index in 0..<count - 1 { lowest = min(lowest, ranks[index]) }
      if lowest == MergeTable.Merge.never { break }
      var place = 0
      while ranks[place] != lowest { place += 1 }

      ids[place] = results[place]
      count -= 1
      for index in place + 1..<max(place + 1, count) { ids[index] = ids[index + 1] }
      for index in place + 1..<max(place + 1, count - 1) {
        ranks[index] = ranks[index + 1]
        results[index] = results[index + 1]
      }
      if place + 1 < count {
        let merge = merges.merge(ids[place], ids[place + 1])
        ranks[place] = merge.rank
        results[place] = merge.result
      }
      if place > 0 {
        let merge = merges.merge(ids[place - 1], ids[place])
        ranks[place - 1] = merge.rank
        results[place - 1] = merge.result
      }
    }
    output.append(UnsafeBufferPointer(start: ids, count: count))
  }

  /// The same with a queue of pairs and linked symbols, in n log n steps.
  mutating func mergeByQueue(_ count: Int, _ merges: MergeTable, into output: inout TokenBuffer) {
    let (ids, next, previous) = (ids, next, previous)
    let none = UInt32.max
    queue.removeAll()
    for index in 0..<count {
      next[index] = index + 1 < count ? UInt32(index + 1) : none
      previous[index] = index > 0 ? UInt32(index - 1) : none
      guard index + 1 < count else { break }
      let merge = merges.merge(ids[index], ids[index + 1])
      if merge.rank != MergeTable.Merge.never { queue.append(rank: merge.rank, place: UInt32(index)) }
    }
    queue.order()
    while let (rank, place) = queue.pop() {
      let left = Int(place)
      // Symbols that were merged away have a negative id. A pair may have changed since it was queued: then its rank has.
      guard ids[left] >= 0, next[left] != none else { continue }
      let right = Int(next[left])
      let merge = merges.merge(ids[left], ids[right])
      guard merge.rank == rank else { continue }
      ids[left] = merge.result
      ids[right] = -1
      next[left] = next[right]
      if next[left] != none {
        previous[Int(next[left])] = place
        let merge = merges.merge(ids[left], ids[Int(next[left])])
        if merge.rank != MergeTable.Merge.never { queue.push(rank: merge.rank, place: place) }
      }
      if previous[left] != none {
        let merge = merges.merge(ids[Int(previous[left])], ids[left])
        if merge.rank != MergeTable.Merge.never { queue.push(rank: merge.rank, place: previous[left]) }
      }
    }
    for index in 0..<count where ids[index] >= 0 { output.append(ids[index]) }
  }
}

/// A binary heap of merges: the lowest rank first, the leftmost of equals.
struct MinimumQueue {
  /// Rank in the upper half, place in the lower, so that one comparison orders both.
  private var keys: [UInt64] = []

  mutating func removeAll() { keys.removeAll(keepingCapacity: true) }

  /// Adds a merge without regard to order; `order()` must follow.
  mutating func append(rank: UInt32, place: UInt32) { keys.append(UInt64(rank) << 32 | UInt64(place)) }

  /// Restores the order of the heap.
  mutating func order() {
    for index in stride(from: keys.count / 2 - 1, through: 0, by: -1) { sink(index) }
  }

  mutating func push(rank: UInt32, place: UInt32) {
    let key = UInt64(rank) << 32 | UInt64(place)
    keys.append(key)
    var index = keys.count - 1
    while index > 0, keys[(index - 1) / 2] > key {
      keys[index] = keys[(index - 1) / 2]
      index = (index - 1) / 2
    }
    keys[index] = key
  }

  mutating func pop() -> (rank: UInt32, place: UInt32)? {
    guard let first = keys.first, let last = keys.popLast() else { return nil }
    if !keys.isEmpty {
      keys[0] = last
      sink(0)
    }
    return (UInt32(truncatingIfNeeded: first >> 32), UInt32(truncatingIfNeeded: first))
  }

  private mutating func sink(_ start: Int) {
    let key = keys[start]
    var index = start
    while true {
      var child = 2 * index + 1
      if child >= keys.count { break }
      if child + 1 < keys.count, keys[child + 1] < keys[child] { child += 1 }
      if keys[child] >= key { break }
      keys[index] = keys[child]
      index = child
    }
    keys[index] = key
  }
}
