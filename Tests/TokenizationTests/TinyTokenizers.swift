import OrderedJSON

extension JSON {
  /// A tokenizer whose tokens are single bytes, 0 to 255 in the order of the byte alphabet, and what is given.
  /// - Parameters:
  ///   - splitter: what comes before `ByteLevel`; nil for nothing.
  ///   - model: members of the model to set.
  ///   - members: members of the file to set.
  static func byteLevel(after splitter: JSON? = nil, model: JSON = [:], members: JSON = [:]) -> JSON {
    let bytes: JSON = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false]
    var bpe: JSON = ["type": "BPE", "vocab": byteVocabulary(), "merges": []]
    bpe = bpe.setting(model)
    let file: JSON = [
      "added_tokens": [], "normalizer": .null,
      "pre_tokenizer": ["type": "Sequence", "pretokenizers": .array((splitter.map { [$0] } ?? []) + [bytes])],
      "post_processor": .null, "decoder": ["type": "ByteLevel"], "model": bpe,
    ]
    return file.setting(members)
  }

  /// The token of each byte.
  static func byteVocabulary() -> JSON {
    let printable = Array(0x21...0x7E) + Array(0xA1...0xAC) + Array(0xAE...0xFF)
    var next = 0x100
    var vocabulary: JSON = [:]
    for byte in 0...255 {
      var scalar = byte
      if !printable.contains(byte) {
        scalar = next
        next += 1
      }
      let token = Unicode.Scalar(scalar).map { String($0) } ?? ""
      vocabulary = vocabulary.setting(.object([token: .integer(byte)]))
    }
    return vocabulary
  }

  /// A copy of an object with some members set.
  func setting(_ members: JSON) -> JSON {
    guard var object = object else { return self }
    for (key, value) in members.object ?? [:] { object[key] = value }
    return .object(object)
  }
}
