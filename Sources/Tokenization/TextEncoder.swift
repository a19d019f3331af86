/// The way from a text to ids: added tokens, normalizer, pre-tokenizer, merges. Immutable, shared by all threads.
struct TextEncoder: Sendable {
  let addedTokens: AddedTokens
  let normalizer: Normalizer
  let preTokenizer: PreTokenizer
  let vocabulary: Vocabulary

  /// Appends the ids of a text to `workspace.tokens`.
  func encode(_ text: UnsafeBufferPointer<UInt8>, _ workspace: inout Workspace) {
    guard let bytes = text.baseAddress, !text.isEmpty else { return }
    let text = ClassifiedText(bytes, end: text.count, classes: CharacterClasses.table)
    if addedTokens.plain.isEmpty { return encodeNormalizing(text, from: 0, &workspace) }
    var parts = exchange(&workspace.plainParts, with: [])
    parts.removeAll(keepingCapacity: true)
    addedTokens.plain.split(text, from: 0, into: &parts)
    for part in parts {
      if let id = part.id {
        workspace.tokens.append(id)
      } else {
        encodeNormalizing(ClassifiedText(bytes, end: part.end, classes: text.classes), from: part.start, &workspace)
      }
    }
    workspace.plainParts = parts
  }

  /// Encodes a part without plain added tokens.
  private func encodeNormalizing(_ text: ClassifiedText, from start: Int, _ workspace: inout Workspace) {
    if normalizer.leavesAlone(text, from: start) { return encodeNormalized(text, from: start, &workspace) }
    normalizer.normalize(text, from: start).withUnsafeBufferPointer { buffer in
      guard let bytes = buffer.baseAddress else { return }
      encodeNormalized(ClassifiedText(bytes, end: buffer.count, classes: text.classes), from: 0, &workspace)
    }
  }

  /// Encodes a normalized part, in which further added tokens may be found.
  private func encodeNormalized(_ text: ClassifiedText, from start: Int, _ workspace: inout Workspace) {
    if addedTokens.normalized.isEmpty { return encodePlain(text, from: start, &workspace) }
    var parts = exchange(&workspace.normalizedParts, with: [])
    parts.removeAll(keepingCapacity: true)
    addedTokens.normalized.split(text, from: start, into: &parts)
    for part in parts {
      if let id = part.id {
        workspace.tokens.append(id)
      } else {
        encodePlain(ClassifiedText(text.bytes, end: part.end, classes: text.classes), from: part.start, &workspace)
      }
    }
    workspace.normalizedParts = parts
  }

  /// Encodes a part without added tokens.
  private func encodePlain(_ text: ClassifiedText, from start: Int, _ workspace: inout Workspace) {
    cut(text, from: start, &workspace) { pieces, workspace in
      for piece in workspace.pieces.elements {
        let word = UnsafeBufferPointer(start: pieces.bytes + piece.start, count: piece.end - piece.start)
        encode(word: word, &workspace)
      }
    }
  }

  /// The pieces into which the pre-tokenizer cuts a text.
  func pieces(of text: String, _ workspace: inout Workspace) -> [String] {
    var text = text
    var result: [String] = []
    text.withUTF8 { buffer in
      guard let bytes = buffer.baseAddress else { return }
      let text = ClassifiedText(bytes, end: buffer.count, classes: CharacterClasses.table)
      cut(text, from: 0, &workspace) { pieces, workspace in
        result = workspace.pieces.elements.map {
          String(decoding: UnsafeBufferPointer(start: pieces.bytes + $0.start, count: $0.end - $0.start), as: UTF8.self)
        }
      }
    }
    return result
  }

  /// Cuts `text.bytes[start..<text.end]` into `workspace.pieces`, and hands on the bytes to which they refer.
  @inline(__always)
  private func cut(
    _ text: ClassifiedText, from start: Int, _ workspace: inout Workspace,
    then body: (ClassifiedText, inout Workspace) -> Void
  ) {
    workspace.pieces.removeAll()
    workspace.pieces.append(start, text.end)
    guard preTokenizer.addsPrefixSpace else {
      split(text, preTokenizer.splitters[...], &workspace)
      return body(text, &workspace)
    }
    split(text, preTokenizer.splitters[..<preTokenizer.prefixStage], &workspace)
    prefixSpaces(text, &workspace).withUnsafeBufferPointer { buffer in
      guard let bytes = buffer.baseAddress else { return }
      let text = ClassifiedText(bytes, end: buffer.count, classes: text.classes)
      split(text, preTokenizer.splitters[preTokenizer.prefixStage...], &workspace)
      body(text, &workspace)
    }
  }

  /// Cuts all pieces with one splitter after the other.
  private func split(_ text: ClassifiedText, _ splitters: ArraySlice<Splitter>, _ workspace: inout Workspace) {
    for splitter in splitters {
      workspace.finerPieces.removeAll()
      for piece in workspace.pieces.elements {
        let part = ClassifiedText(text.bytes, end: piece.end, classes: text.classes)
        splitter.split(part, from: piece.start, scratch: &workspace.splitting, into: &workspace.finerPieces)
      }
      swap(&workspace.pieces, &workspace.finerPieces)
    }
  }

  /// Copies all pieces, each beginning with a space; the pieces then are those of the copy.
  private func prefixSpaces(_ text: ClassifiedText, _ workspace: inout Workspace) -> [UInt8] {
    var bytes: [UInt8] = []
    var pieces = Spans()
    for piece in workspace.pieces.elements {
      let start = bytes.count
      if text.bytes[piece.start] != UInt8(ascii: " ") { bytes.append(UInt8(ascii: " ")) }
      bytes.append(contentsOf: UnsafeBufferPointer(start: text.bytes + piece.start, count: piece.end - piece.start))
      pieces.append(start, bytes.count)
    }
    workspace.pieces = pieces
    return bytes
  }

  @inline(__always)
  private func encode(word: UnsafeBufferPointer<UInt8>, _ workspace: inout Workspace) {
    guard word.count <= WordCache.longestWord, let bytes = word.baseAddress else {
      return vocabulary.encode(word, workspace: &workspace.merging, into: &workspace.tokens)
    }
    let hash = hash(of: bytes, count: word.count)
    if workspace.cache.appendTokens(of: bytes, count: word.count, hash: hash, to: &workspace.tokens) { return }
    let start = workspace.tokens.count
    vocabulary.encode(word, workspace: &workspace.merging, into: &workspace.tokens)
    workspace.cache.add(bytes, count: word.count, hash: hash, tokens: workspace.tokens.suffix(from: start))
  }
}

/// Takes a value out of its place, so that using it does not access the place.
private func exchange<Value>(_ place: inout Value, with replacement: Value) -> Value {
  let value = place
  place = replacement
  return value
}
