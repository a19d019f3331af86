import Foundation
import OrderedJSON

/// The added tokens that a folder names beside its `tokenizer.json`: in `tokenizer_config.json` (`added_tokens_decoder`,
/// `extra_special_tokens`, `additional_special_tokens`, `eos_token` and other names), in `special_tokens_map.json` and in
/// `added_tokens.json`. Which of them count, and in which order they get their ids, is what `transformers` 5 does when it
/// loads a folder (`PreTrainedTokenizerBase._from_pretrained` and `TokenizersBackend.__init__`).
struct FolderTokens {
  /// The tokens with a name, such as `eos_token`: the seven that every tokenizer may have, then the model's own.
  let named: TextDictionary<NamedToken>
  /// Special tokens without a name.
  private let extra: [NamedToken]
  /// Tokens that are described with an id, by that id, which only orders them.
  private let described: [Int: AddedToken]

  /// A token as a configuration writes it: a text, or an object that describes it.
  struct NamedToken {
    var content: String
    /// Nil where only the text is given.
    var description: AddedToken?
  }

  /// The names that a tokenizer's special tokens may have, in the order of `transformers`.
  static let standardNames = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  /// Reads what the files say.
  /// - Parameters:
  ///   - configuration: `tokenizer_config.json`; nil where there is none.
  ///   - specialTokensMap: `special_tokens_map.json`. Older than `added_tokens_decoder`, it counts only without that.
  ///   - addedTokens: `added_tokens.json`, likewise.
  ///   - listed: the `added_tokens` of `tokenizer.json` with the ids that the file gives them.
  init(
    configuration: Field?, specialTokensMap: Field?, addedTokens: Field?, listed: [(id: Int, token: AddedToken)]
  ) throws(TokenizerError) {
    var settings = Settings(configuration)
    var described: [Int: AddedToken] = [:]
    if let decoder = settings["added_tokens_decoder"] {
      for (key, _) in decoder.json.object ?? [:] {
        guard let id = Int(key) else { throw decoder.malformed("an object whose keys are ids") }
        described[id] = try AddedToken(decoder[key])
      }
    } else {
      if let specialTokensMap { settings.merge(specialTokensMap: specialTokensMap) }
      let special = try settings.tokens(named: Self.standardNames).values + settings.extraTokens()
      if let addedTokens {
        for (content, _) in addedTokens.json.object ?? [:] {
          let isSpecial = special.contains { $0.content.isSameText(as: content) }
          described[Int(try addedTokens[content].id())] = AddedToken(content, isSpecial: isSpecial)
        }
      }
      for (id, token) in listed { described[id] = token }
    }
    self.described = described

    var descriptions: TextDictionary<AddedToken> = [:]
    for (_, token) in described.sorted(by: { $0.key < $1.key }) { descriptions[token.content] = token }
    named = try settings.tokens(named: Self.standardNames + settings.namesOfModel).mapValues { token in
      NamedToken(content: token.content, description: descriptions[token.content] ?? token.description)
    }
    extra = try settings.extraTokens()
  }

  /// The tokens that have to be added to those of `tokenizer.json`, in the order in which they get their ids.
  /// - Parameter loaded: the tokens of `tokenizer.json`.
  func additions(to loaded: [AddedToken]) -> [AddedToken] {
    let namedTexts = Set(named.values.map { ExactText($0.content) })
    var additions = described.sorted { $0.key < $1.key }.map(\.value)
      .filter { token in !loaded.contains { $0.hasSameDescription(as: token) } }
    var known = Set((loaded + additions).map { ExactText($0.content) })
    for token in named.values + extra where known.insert(ExactText(token.content)).inserted {
      additions.append(token.description ?? AddedToken(token.content, isSpecial: true))
    }
    return additions.map { token in
      var token = token
      if namedTexts.contains(ExactText(token.content)) { token.isSpecial = true }
      return token
    }
  }
}

extension FolderTokens {
  /// Reads the files of a folder; missing files are skipped.
  /// - Throws: `TokenizerError` for a file that is not a JSON object, or an invalid token.
  init(folder: URL, listed: [(id: Int, token: AddedToken)]) throws(TokenizerError) {
    try self.init(
      configuration: try Self.read(TokenizerConfiguration.fileName, in: folder),
      specialTokensMap: try Self.read("special_tokens_map.json", in: folder),
      addedTokens: try Self.read("added_tokens.json", in: folder), listed: listed)
  }

  private static func read(_ name: String, in folder: URL) throws(TokenizerError) -> Field? {
    let file = folder.appendingPathComponent(name).path
    guard let data = FileManager.default.contents(atPath: file) else { return nil }
    let json: JSON
    do {
      json = try JSON(parsing: data)
    } catch {
      throw TokenizerError.malformed(file: file, field: "the file (\(error))", expected: "JSON")
    }
    let field = Field(json: json, path: "", file: file)
    guard json.object != nil else { throw field.malformed("an object") }
    return field
  }
}

/// The members of `tokenizer_config.json` that name tokens, with those of older files merged into them.
private struct Settings {
  private var members: TextDictionary<Field> = [:]
  private(set) var namesOfModel: [String] = []

  init(_ configuration: Field?) {
    for (key, _) in configuration?.json.object ?? [:] { members[key] = configuration?[key] }
    // The older name of the list; it counts where the newer one is absent or empty.
    if let additional = members["additional_special_tokens"], members["extra_special_tokens"]?.isEmptyOrAbsent ?? true {
      members["extra_special_tokens"] = additional
    }
    members["additional_special_tokens"] = nil
    // Names of a model's own, such as "image_token".
    for (key, value) in members where Self.isNameOfModel(key) && value.json.string != nil { namesOfModel.append(key) }
    takeNamedExtras()
  }

  subscript(key: String) -> Field? { members[key] }

  /// Takes the members of `special_tokens_map.json`, which win.
  mutating func merge(specialTokensMap map: Field) {
    for (key, value) in map.json.object ?? [:] {
      if key.isSameText(as: "additional_special_tokens") {
        // Unlike the configuration's, this list counts only where there is no newer one at all.
        if members["extra_special_tokens"] == nil { members["extra_special_tokens"] = map[key] }
        continue
      }
      if key.isSameText(as: "extra_special_tokens"), let more = value.array {
        // Every token that this file describes is special.
        let special = more.map { element in
          element.object.map { JSON.object($0.merging(["special": true])) } ?? element
        }
        let elements = (members[key]?.json.array ?? []) + special
        members[key] = Field(json: .array(elements), path: key, file: map.file)
        continue
      }
      members[key] = map[key]
      if Self.isNameOfModel(key), !value.isNull, !namesOfModel.containsText(key) { namesOfModel.append(key) }
    }
    takeNamedExtras()
  }

  private static func isNameOfModel(_ key: String) -> Bool {
    key.hasTextSuffix("_token") && !FolderTokens.standardNames.containsText(key)
  }

  /// `extra_special_tokens` may be an object of tokens by name instead of a list.
  private mutating func takeNamedExtras() {
    guard let extras = members["extra_special_tokens"], let tokens = extras.json.object else { return }
    members["extra_special_tokens"] = nil
    for (key, _) in tokens {
      members[key] = extras[key]
      if !namesOfModel.containsText(key) { namesOfModel.append(key) }
    }
  }

  /// The tokens with these names; names without one are left out.
  func tokens(named names: [String]) throws(TokenizerError) -> TextDictionary<FolderTokens.NamedToken> {
    var tokens: TextDictionary<FolderTokens.NamedToken> = [:]
    for name in names {
      guard let field = members[name], !field.isNull else { continue }
      tokens[name] = try FolderTokens.NamedToken(field, isSpecial: true)
    }
    return tokens
  }

  /// The list of special tokens without names.
  func extraTokens() throws(TokenizerError) -> [FolderTokens.NamedToken] {
    guard let field = members["extra_special_tokens"], !field.isNull else { return [] }
    var tokens: [FolderTokens.NamedToken] = []
    for element in try field.elements() { tokens.append(try FolderTokens.NamedToken(element, isSpecial: nil)) }
    return tokens
  }
}

extension FolderTokens.NamedToken {
  fileprivate init(_ field: Field, isSpecial: Bool?) throws(TokenizerError) {
    if let content = field.json.string {
      self.init(content: content, description: nil)
    } else {
      guard field.json.object != nil else { throw field.malformed("a token: a string, or an object with its content") }
      let token = try AddedToken(field, isSpecial: isSpecial)
      self.init(content: token.content, description: token)
    }
  }
}

extension Field {
  fileprivate var isEmptyOrAbsent: Bool {
    isNull || json.array?.isEmpty == true || json.object?.isEmpty == true
  }
}
