import Foundation

/// Memory for large copies. It comes from the system and goes back to it at once; large pages spare most of the interrupts in
/// which a fresh page is cleared.
enum OwnMemory {
  /// Bytes that a closure fills.
  ///
  /// - Returns: nil where the system has no memory left
  static func filled(count: Int, by fill: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows -> Data? {
    guard count > 0 else { return Data() }
    guard let start = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      start != MAP_FAILED
    else { return nil }
    #if os(Linux)
      // Only advice: without it everything is the same, but slower.
      _ = madvise(start, count, MADV_HUGEPAGE)
    #endif
    do {
      try fill(UnsafeMutableRawBufferPointer(start: start, count: count))
    } catch {
      munmap(start, count)
      throw error
    }
    return Data(bytesNoCopy: start, count: count, deallocator: .custom { munmap($0, $1) })
  }

  /// Copies bytes with several threads.
  static func copy(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
    guard let source = bytes.baseAddress else { return }
    let count = bytes.count
    let pieces = (count + pieceSize - 1) / pieceSize
    // Each piece is read and written by one thread.
    nonisolated(unsafe) let (from, to) = (source, target)
    DispatchQueue.concurrentPerform(iterations: pieces) { piece in
      let start = piece * pieceSize
      to.advanced(by: start).copyMemory(from: from.advanced(by: start), byteCount: min(pieceSize, count - start))
    }
  }

  private static let pieceSize = 16 << 20
}
