/// The bytes of each token, in one block.
struct TokenDecoder: Sendable {
  private let bytes: FixedBuffer<UInt8>
  /// Where the bytes of each id begin; one more than there are ids.
  private let offsets: FixedBuffer<Int>
  /// Whether an id is a token, and a special one.
  private let kinds: FixedBuffer<UInt8>
  /// What is put between tokens.
  let separator: [UInt8]

  private static let isToken: UInt8 = 1
  private static let isSpecial: UInt8 = 2

  /// The number of ids: the largest, plus one.
  var count: Int { kinds.count }

  /// - Parameters:
  ///   - tokens: the bytes per id; nil for ids without a token.
  ///   - special: ids that decoding may be asked to skip.
  ///   - separator: what is put between tokens.
  init(tokens: [[UInt8]?], special: Set<Int32>, separator: [UInt8]) {
    bytes = FixedBuffer(tokens.flatMap { $0 ?? [] })
    var offsets = [0]
    for token in tokens { offsets.append(offsets[offsets.count - 1] + (token?.count ?? 0)) }
    self.offsets = FixedBuffer(offsets)
    kinds = FixedBuffer(
      tokens.enumerated().map { id, token in
        token == nil ? 0 : special.contains(Int32(id)) ? Self.isToken | Self.isSpecial : Self.isToken
      })
    self.separator = separator
  }

  /// The bytes of a token; nil when it is to be left out: not a token at all, or special and skipped.
  @inline(__always)
  func bytes(of id: Int32, skipSpecialTokens: Bool) -> UnsafeBufferPointer<UInt8>? {
    guard id >= 0, Int(id) < count else { return nil }
    let kind = kinds.pointer[Int(id)]
    if kind == 0 || (skipSpecialTokens && kind & Self.isSpecial != 0) { return nil }
    let start = offsets.pointer[Int(id)]
    return UnsafeBufferPointer(start: bytes.pointer + start, count: offsets.pointer[Int(id) + 1] - start)
  }

  /// The text of some ids. Bytes that are no UTF-8 become U+FFFD.
  func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(ids.count * 4)
    var isFirst = true
    for id in ids {
      guard let token = bytes(of: id, skipSpecialTokens: skipSpecialTokens) else { continue }
      if !isFirst { text.append(contentsOf: separator) }
      isFirst = false
      text.append(contentsOf: token)
    }
    return String(decoding: text, as: UTF8.self)
  }
}
