/// The BPE model of a `tokenizer.json`: words in, ids out.
struct Vocabulary: Sendable {
  /// The token of each single byte; -1 where the vocabulary has none.
  let byteTokens: FixedBuffer<Int32>
  let merges: MergeTable
  /// Whole words that are tokens, by their bytes; nil unless the model asks to try them before merging.
  let wholeWords: ByteTable?
  /// The token for a byte that has none; nil to leave such bytes out, as Hugging Face does.
  let unknown: Int32?
  /// Whether a row of such bytes gives one unknown token.
  let fusesUnknown: Bool

  /// Appends the tokens of a word.
  @inline(__always)
  func encode(_ word: UnsafeBufferPointer<UInt8>, workspace: inout MergeWorkspace, into output: inout TokenBuffer) {
    if let wholeWords, let id = wholeWords.id(for: word) {
      output.append(id)
      return
    }
    workspace.reserve(word.count)
    let count = symbols(of: word, into: workspace.ids)
    if count <= MergeWorkspace.scanLimit {
      workspace.mergeByScanning(count, merges, into: &output)
    } else {
      workspace.mergeByQueue(count, merges, into: &output)
    }
  }

  /// Writes the tokens of single bytes; returns how many there are.
  @inline(__always)
  private func symbols(of word: UnsafeBufferPointer<UInt8>, into ids: UnsafeMutablePointer<Int32>) -> Int {
    var count = 0
    var previousWasUnknown = false
    for byte in word {
      var id = byteTokens.pointer[Int(byte)]
      if id < 0 {
        guard let unknown else { continue }
        // A vocabulary knows characters, of which a byte outside ASCII is only a part in UTF-8; here each byte is a
        // character of the byte alphabet.
        if fusesUnknown, previousWasUnknown { continue }
        id = unknown
        previousWasUnknown = true
      } else {
        previousWasUnknown = false
      }
      ids[count] = id
      count += 1
    }
    return count
  }
}
