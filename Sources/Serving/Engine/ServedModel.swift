import Foundation
import MiniMind

/// What anyone may know of a model that is served.
public struct ServedModel: Sendable {
  /// The name that requests give it.
  public let name: String
  /// How it is talked to.
  public let format: ChatFormat
  /// The most tokens of prompt and answer together.
  public let contextLength: Int
  /// When it was loaded.
  public let created = Date()

  /// - Parameter contextLength: no longer than the model's own
  public init(name: String, format: ChatFormat, contextLength: Int) {
    (self.name, self.format, self.contextLength) = (name, format, contextLength)
  }
}

/// A model with its weights. It stays on the thread that loads it.
public struct LoadedModel {
  /// What others may know.
  public let served: ServedModel
  /// The model itself.
  public let model: CausalLM

  /// A model under its name.
  public init(_ served: ServedModel, model: CausalLM) { (self.served, self.model) = (served, model) }
}

/// How much a server takes on.
public struct EngineLimits: Sendable {
  /// Answers of a model that are made at once.
  public var rows = 64
  /// Answers that may wait for their turn.
  public var waiting = 256
  /// Memory for keys and values of each model, in bytes.
  public var cacheBytes = 2 << 30

  /// 64 answers at once, 256 that wait, 2 GiB.
  public init() {}
}
