import Files
import Foundation
import MiniMind
import OrderedJSON
import Tokenization

/// A model as a GGUF file, with an Ollama `Modelfile` beside it.
struct GGUFExport {
  /// The model, which may have an adapter in it.
  let model: CausalLM
  /// The folder of its tokenizer.
  let tokenizer: URL
  /// How its matrices are stored.
  let encoding: GGUFEncoding
  /// The file to write.
  let destination: URL

  /// Writes both files.
  ///
  /// - Returns: the path of the `Modelfile`, and what llama.cpp does otherwise, a sentence each
  func write() throws -> (modelfile: URL, remarks: [String]) {
    let vocabulary = try LlamaVocabulary(folder: tokenizer, count: model.configuration.vocabularySize)
    let template = try? ChatTemplate(folder: tokenizer)
    var metadata: [(key: String, value: GGUFValue)] = [
      ("general.name", .string(destination.deletingPathExtension().lastPathComponent))
    ]
    metadata += tokenizerMetadata(vocabulary)
    if let source = template?.defaultSource { metadata.append(("tokenizer.chat_template", .string(source))) }
    try ModelFiles.writeGGUF(model, as: encoding, adding: metadata, to: destination)
    let file = modelfile()
    let text = OllamaModelfile(
      model: destination.lastPathComponent, template: template, stops: stops, sampling: sampling
    )
    .text
    try writeAtomically(Data(text.utf8), to: file)
    return (file, vocabulary.remarks)
  }

  private func tokenizerMetadata(_ vocabulary: LlamaVocabulary) -> [(key: String, value: GGUFValue)] {
    let prefix = "tokenizer.ggml."
    var metadata: [(key: String, value: GGUFValue)] = [
      (prefix + "model", .string("gpt2")), (prefix + "pre", .string(vocabulary.preTokenizer)),
      (prefix + "tokens", .strings(vocabulary.tokens)),
      (prefix + "token_type", .int32s(vocabulary.kinds.map(\.rawValue))),
      (prefix + "merges", .strings(vocabulary.merges)),
      (prefix + "add_bos_token", .bool(vocabulary.addsBOS)), (prefix + "add_eos_token", .bool(vocabulary.addsEOS)),
    ]
    let named = (try? TokenizerConfiguration(folder: tokenizer))?.specialTokens ?? [:]
    for (name, key) in [("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown")] {
      guard let token = named["\(name)_token"],
        let id = vocabulary.tokens.firstIndex(where: { $0.isSameText(as: token) })
      else { continue }
      metadata.append((prefix + "\(key)_token_id", .uint32(UInt32(id))))
    }
    return metadata
  }

  /// The tokens that end an answer.
  private var stops: [String] {
    guard let tokenizer = try? Tokenizer(folder: self.tokenizer) else { return [] }
    let ends = model.configuration.endTokenIDs.compactMap { Int32(exactly: $0).flatMap(tokenizer.token(of:)) }
    let own = (try? TokenizerConfiguration(folder: self.tokenizer))?.eosToken
    return ([own].compactMap(\.self) + ends).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// What the model's `generation_config.json` says of sampling, else what MiniMind's own chat uses.
  private var sampling: [(name: String, value: String)] {
    let file = tokenizer.appendingPathComponent("generation_config.json")
    let json = (try? Data(contentsOf: file)).flatMap { try? JSON(parsing: $0) }
    let names = [
      ("temperature", "temperature"), ("top_p", "top_p"), ("top_k", "top_k"), ("repetition_penalty", "repeat_penalty"),
    ]
    let given = names.compactMap { key, name in json?[key]?.double.map { (name, "\($0)") } }
    return given.isEmpty ? [("temperature", "0.85"), ("top_p", "0.95")] : given
  }

  /// `Modelfile`, unless that is of another model.
  private func modelfile() -> URL {
    let folder = destination.deletingLastPathComponent()
    let usual = folder.appendingPathComponent("Modelfile")
    guard let text = try? String(contentsOf: usual, encoding: .utf8),
      !text.split(separator: "\n").contains("FROM ./\(destination.lastPathComponent)")
    else { return usual }
    return folder.appendingPathComponent(destination.deletingPathExtension().lastPathComponent + ".Modelfile")
  }
}
