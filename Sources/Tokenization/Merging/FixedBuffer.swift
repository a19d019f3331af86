/// An array that is filled once and then only read, without bounds checks: for tables that are looked up per byte.
///
/// Sendable because nothing writes to it once its maker has handed it out.
final class FixedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  let pointer: UnsafePointer<Element>
  let count: Int

  /// Copies an array.
  init(_ elements: [Element]) {
    let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: max(1, elements.count))
    _ = memory.initialize(from: elements)
    count = elements.count
    // A buffer of at least one element has a base address.
    pointer = UnsafePointer(memory.baseAddress!)
  }

  deinit { pointer.deallocate() }
}
