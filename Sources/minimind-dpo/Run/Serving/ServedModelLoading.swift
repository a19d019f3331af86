import Foundation
import MiniMind
import Observability
import Serving

/// Loads the models of a server, on the thread on which they answer.
struct ServedModelLoading: Sendable {
  /// Names, and where they are.
  let models: [(name: String, source: ModelSource)]
  /// The longest conversation; nil for the model's own, within reason.
  let maxLength: Int?
  let device: DeviceArguments

  /// Beyond this, keys and values of a few conversations would fill the memory.
  private static let usualLength = 8192

  /// - Throws: `Failure` and what else loading throws
  func load() throws -> [LoadedModel] {
    let placement = try device.place(warns: false)
    return try models.map { name, source in
      let folder = try source.tokenizerFolder
      let model = try source.loadMerged()
      try model.place(on: placement.device, multiplyingIn: placement.type)
      let tokenizer = try VocabularyCheck.tokenizer(in: folder, for: model) {
        Console.standardError.print("warning: \($0) Ids without text are not generated.")
      }
      let format = try ChatFormat(folder: folder, tokenizer: tokenizer, model: model.configuration)
      let own = model.configuration.maximumPositions
      Console.standardError.print(ServerWords.loaded(name, source.path, model.configuration, placement).text)
      return LoadedModel(
        ServedModel(name: name, format: format, contextLength: min(maxLength ?? Self.usualLength, own)), model: model)
    }
  }
}

extension ServedModelArguments {
  /// Where the models are that were named, or found.
  ///
  /// - Throws: `Failure` where there is none
  func sources(_ shape: ShapeArguments) throws -> [(name: String, source: ModelSource)] {
    var models = try named()
    if models.isEmpty {
      guard let path = ChatModels.newestWeights() else { throw ChatModels.noModel }
      models = [(URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent, path)]
    }
    return models.map { name, path in
      (name, ModelSource(path: path, adapter: nil, tokenizer: tokenizer, shape: shape.known))
    }
  }
}

/// What the program says of a server.
enum ServerWords {
  static func loaded(
    _ name: String, _ path: String, _ shape: ModelConfiguration, _ placement: Placement
  ) -> Phrase {
    let size = HumanText.count(Double(shape.parameterCount))
    return Phrase(
      en: "\(name): \(path), \(shape.family.rawValue), \(size) parameters, \(placement.description)",
      zh: "\(name)：\(path)，\(shape.family.rawValue)，参数量 \(size)，\(placement.description)")
  }

  static func ready(_ url: String, models: [String]) -> Phrase {
    Phrase(
      en:
        "serving \(models.joined(separator: ", ")) at \(url); the base URL for clients is \(base(url)). Ctrl-C ends it.",
      zh: "正在提供 \(models.joined(separator: "、"))：\(url)；客户端的 base URL 是 \(base(url))。按 Ctrl-C 结束。")
  }

  private static func base(_ url: String) -> String {
    String(url.prefix { $0 != "?" }) + "v1"
  }
}
