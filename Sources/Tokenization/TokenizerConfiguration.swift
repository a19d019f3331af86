import Foundation
import OrderedJSON

/// What a model folder's `tokenizer_config.json` says: special tokens and chat templates.
public struct TokenizerConfiguration: Sendable {
  /// The name of the file.
  public static let fileName = "tokenizer_config.json"

  /// The whole file.
  public let raw: JSON
  /// The older `special_tokens_map.json`, which counts where `tokenizer_config.json` lists no added tokens.
  private let tokenMap: JSON?

  /// Reads `tokenizer_config.json` from a folder.
  /// - Throws: `TokenizerConfigurationError` when the file is missing or is not a JSON object.
  public init(folder: URL) throws {
    guard let raw = try Self.object(folder.appendingPathComponent(Self.fileName)) else {
      throw TokenizerConfigurationError.missing(folder.appendingPathComponent(Self.fileName).path)
    }
    self.raw = raw
    tokenMap =
      raw["added_tokens_decoder"] == nil
      ? try Self.object(folder.appendingPathComponent("special_tokens_map.json")) : nil
  }

  /// The object in a file; nil where there is no file.
  private static func object(_ file: URL) throws -> JSON? {
    guard let data = FileManager.default.contents(atPath: file.path) else { return nil }
    let json: JSON
    do {
      json = try JSON(parsing: data)
    } catch {
      throw TokenizerConfigurationError.malformed(file.path, "\(error)")
    }
    guard json.object != nil else {
      throw TokenizerConfigurationError.malformed(file.path, "expected an object at the top")
    }
    return json
  }

  /// Takes a configuration that is already read.
  public init(raw: JSON) {
    self.raw = raw
    tokenMap = nil
  }

  /// The token that starts a text, such as `<|im_start|>`.
  public var bosToken: String? { named["bos_token"]?.content }

  /// The token that ends a text, such as `<|im_end|>`.
  public var eosToken: String? { named["eos_token"]?.content }

  /// The named special tokens that `transformers` passes to chat templates, in its order.
  public var specialTokens: TextDictionary<String> {
    named.mapValues(\.content)
  }

  private var named: TextDictionary<FolderTokens.NamedToken> {
    let tokens = try? FolderTokens(
      configuration: Field(json: raw, path: "", file: Self.fileName),
      specialTokensMap: tokenMap.map { Field(json: $0, path: "", file: "special_tokens_map.json") }, addedTokens: nil,
      listed: [])
    return tokens?.named ?? [:]
  }

  /// The chat templates by name. A file that holds a single template names it `default`.
  public var chatTemplates: TextDictionary<String> {
    switch raw["chat_template"] {
    case .string(let source): return ["default": source]
    case .array(let entries):
      var templates: TextDictionary<String> = [:]
      for entry in entries {
        if let name = entry["name"]?.string, let source = entry["template"]?.string { templates[name] = source }
      }
      return templates
    default: return [:]
    }
  }
}

/// Why a folder's `tokenizer_config.json` could not be read.
public enum TokenizerConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no such file; the path is where it was expected.
  case missing(String)
  /// The file at the path is not what it should be, with the reason.
  case malformed(String, String)

  /// Names the file, the reason and what to do.
  public var description: String {
    switch self {
    case .missing(let path): "\(path): no such file; expected the tokenizer_config.json of a Hugging Face model folder"
    case .malformed(let path, let reason): "\(path): \(reason)"
    }
  }
}
