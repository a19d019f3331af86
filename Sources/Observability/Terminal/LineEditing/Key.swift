/// What somebody did at the keyboard.
public enum Key: Hashable, Sendable {
  /// Text to insert: a character, or the part of one that has come.
  case text(String)
  /// A text that was pasted; its line feeds are part of it.
  case paste(String)
  case enter, backspace, delete, tab
  case left, right, up, down, home, end
  case wordLeft, wordRight
  case deleteWordLeft, deleteWordRight, deleteToStart, deleteToEnd, yank
  case clearScreen
  /// Ctrl-C.
  case interrupt
  /// Ctrl-D: the end of the input, or Delete.
  case endOfInput
}

/// Makes keys of the bytes that a terminal sends: UTF-8, control characters, and the sequences of xterm and its kin.
public struct KeyReader: Sendable {
  private enum State: Sendable { case plain, escape, sequence, application }

  private var state = State.plain
  /// The bytes of a character or of a sequence so far.
  private var pending: [UInt8] = []
  /// What was pasted so far; nil outside of a paste.
  private var pasted: [UInt8]?

  private static let endOfPaste = Array("\u{1B}[201~".utf8)

  /// At the start of the input.
  public init() {}

  /// Takes a byte; returns the key that it completes, if it does.
  public mutating func append(_ byte: UInt8) -> Key? {
    if pasted != nil { return appendToPaste(byte) }
    switch state {
    case .plain: return plain(byte)
    case .escape: return escape(byte)
    case .sequence:
      pending.append(byte)
      // Parameters are 0x20…0x3F; the byte that ends a sequence is above them.
      guard byte >= 0x40 || pending.count > 16 else { return nil }
      return sequence()
    case .application:
      state = .plain
      return Self.arrow(byte)
    }
  }

  private mutating func plain(_ byte: UInt8) -> Key? {
    if !pending.isEmpty { return character(byte) }
    switch byte {
    case 0x01: return .home
    case 0x02: return .left
    case 0x03: return .interrupt
    case 0x04: return .endOfInput
    case 0x05: return .end
    case 0x06: return .right
    case 0x08, 0x7F: return .backspace
    case 0x09: return .tab
    case 0x0A, 0x0D: return .enter
    case 0x0B: return .deleteToEnd
    case 0x0C: return .clearScreen
    case 0x0E: return .down
    case 0x10: return .up
    case 0x15: return .deleteToStart
    case 0x17: return .deleteWordLeft
    case 0x19: return .yank
    case 0x1B:
      state = .escape
      return nil
    case 0..<0x20: return nil
    case 0..<0x80: return .text(String(UnicodeScalar(byte)))
    default:
      // What cannot begin a character is no text.
      if byte >= 0xC2, byte <= 0xF4 { pending = [byte] }
      return nil
    }
  }

  /// A character of several bytes is a key when it is whole.
  private mutating func character(_ byte: UInt8) -> Key? {
    guard byte & 0xC0 == 0x80 else {
      pending = []
      return plain(byte)
    }
    pending.append(byte)
    let length = pending[0] >= 0xF0 ? 4 : pending[0] >= 0xE0 ? 3 : 2
    guard pending.count == length else { return nil }
    defer { pending = [] }
    return String(validating: pending, as: UTF8.self).map(Key.text)
  }

  private mutating func escape(_ byte: UInt8) -> Key? {
    state = .plain
    switch byte {
    case UInt8(ascii: "["):
      (state, pending) = (.sequence, [])
      return nil
    case UInt8(ascii: "O"):
      state = .application
      return nil
    case UInt8(ascii: "b"): return .wordLeft
    case UInt8(ascii: "f"): return .wordRight
    case UInt8(ascii: "d"): return .deleteWordRight
    case 0x08, 0x7F: return .deleteWordLeft
    case 0x1B:
      state = .escape
      return nil
    default: return nil
    }
  }

  private mutating func sequence() -> Key? {
    let text = String(decoding: pending, as: UTF8.self)
    (state, pending) = (.plain, [])
    switch text {
    case "200~":
      pasted = []
      return nil
    case "1~", "7~": return .home
    case "4~", "8~": return .end
    case "3~": return .delete
    case "1;5D", "1;3D", "5D": return .wordLeft
    case "1;5C", "1;3C", "5C": return .wordRight
    default: return text.utf8.count == 1 ? text.utf8.first.flatMap(Self.arrow) : nil
    }
  }

  private static func arrow(_ byte: UInt8) -> Key? {
    switch byte {
    case UInt8(ascii: "A"): .up
    case UInt8(ascii: "B"): .down
    case UInt8(ascii: "C"): .right
    case UInt8(ascii: "D"): .left
    case UInt8(ascii: "F"): .end
    case UInt8(ascii: "H"): .home
    default: nil
    }
  }

  private mutating func appendToPaste(_ byte: UInt8) -> Key? {
    pasted?.append(byte)
    guard let all = pasted, all.suffix(Self.endOfPaste.count) == Self.endOfPaste[...] else { return nil }
    pasted = nil
    return .paste(String(decoding: all.dropLast(Self.endOfPaste.count), as: UTF8.self))
  }
}
