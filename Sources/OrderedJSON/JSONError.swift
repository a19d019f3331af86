/// Why a text is not JSON, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The line of the offending byte, counted from 1; line feeds end lines.
  public let line: Int
  /// The column in that line, counted from 1 in Unicode scalars, so that an editor shows the same.
  public let column: Int
  /// The offset of the offending byte, counted from 0.
  public let offset: Int
  /// What was expected and what was there instead.
  public let message: String

  /// Names the place and the reason.
  public var description: String { "line \(line), column \(column) (byte \(offset)): \(message)" }

  /// Finds line and column of a byte offset; costs a pass over the text, so only for errors.
  init(_ message: String, at offset: Int, in bytes: UnsafeBufferPointer<UInt8>) {
    var line = 1
    var column = 1
    for byte in bytes.prefix(offset) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {  // not the continuation of a scalar
        column += 1
      }
    }
    self.line = line
    self.column = column
    self.offset = offset
    self.message = message
  }
}
