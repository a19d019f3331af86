/// What the user knows about a model's shape. It completes what can be read from a bare weight file, and is checked against
/// the rest.
public struct KnownShape: Sendable {
  /// Width of the residual stream; checked.
  public var hiddenSize: Int?
  /// Number of decoder layers; checked.
  public var layerCount: Int?
  /// Number of query heads; checked. It cannot be read from a bare file without QK-norm; MiniMind's 8 is then assumed.
  public var headCount: Int?
  /// Whether layers have experts, MiniMind's `use_moe`; checked.
  public var hasExperts: Bool?
  /// MiniMind's `inference_rope_scaling`, which cannot be read from a bare file.
  public var scalesRotation = false

  /// Nothing is known.
  public init() {}

  func check(_ configuration: ModelConfiguration, of source: String) throws(ModelConfigurationError) {
    if let hasExperts, hasExperts != (configuration.experts != nil) {
      throw ModelConfigurationError(
        file: source,
        reason: hasExperts
          ? "has no experts, but a mixture of experts (--use_moe 1) was asked for; name another model, or leave the option out"
          : "has experts, but a model without (--use_moe 0) was asked for; name another model, or ask for --use_moe 1")
    }
    for (name, given, found) in [
      ("hidden size", hiddenSize, configuration.hiddenSize), ("number of layers", layerCount, configuration.layerCount),
      ("number of heads", headCount, configuration.headCount),
    ] {
      if let given, given != found {
        throw ModelConfigurationError(
          file: source,
          reason: "the \(name) is \(found), but \(given) was asked for; name another model, or leave the option out")
      }
    }
  }
}
