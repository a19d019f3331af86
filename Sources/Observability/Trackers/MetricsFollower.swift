import Foundation

/// The lines of a file that another thread or process appends to, as they come. Nobody waits for the reader: what was not
/// read lies on the disk.
struct MetricsFollower {
  private let path: String
  private var descriptor: OwnedDescriptor?
  private var buffer: [UInt8] = []

  init(_ file: URL) { path = file.path }

  /// The whole lines that have come, with their line feeds; at most about 64 KiB at once, empty when there are none.
  mutating func lines() -> [[UInt8]] {
    if descriptor == nil {
      let number = open(path, O_RDONLY | O_CLOEXEC)
      if number < 0 { return [] }
      descriptor = OwnedDescriptor(number)
    }
    guard let descriptor else { return [] }
    var lines: [[UInt8]] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while lines.isEmpty {
      let count = read(descriptor.number, &part, part.count)
      if count <= 0 { break }
      buffer += part[..<count]
      var start = 0
      while let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) {
        lines.append(Array(buffer[start...end]))
        start = end + 1
      }
      buffer.removeFirst(start)
    }
    return lines
  }
}
