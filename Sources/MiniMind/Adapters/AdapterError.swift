/// Why a model cannot be adapted as it was asked, or an adapter not be used.
public enum AdapterError: Error, CustomStringConvertible {
  /// A pattern that is no regular expression.
  case badPattern(String)
  /// Targets that no layer has.
  case noTarget([String], layers: [String])
  /// Settings of PEFT that this program does not have: the field and its value.
  case unsupported(file: String, fields: [(name: String, value: String)])
  /// An adapter whose tensors do not fit the model, or its own configuration.
  case misfit(source: String, problems: [String])
  /// What MiniMind's LoRA file cannot express.
  case notMiniMinds(reasons: [String])

  /// What happened, what was expected, and what to do.
  public var description: String {
    switch self {
    case .badPattern(let pattern):
      "\"\(pattern)\" is not a regular expression for the names of layers, such as .*\\.self_attn\\.[qv]_proj"
    case .noTarget(let targets, let layers):
      """
      no layer to adapt is called \(targets.joined(separator: " or ")). The model has \(layers.joined(separator: ", ")); \
      all-linear stands for all of these. Embedding, head and experts have no adapters here.
      """
    case .unsupported(let file, let fields):
      """
      \(file): this adapter needs what this program does not have:
      \(fields.map { "  \($0.name): \($0.value)" }.joined(separator: "\n"))
      Merge it into its model with PEFT (merge_and_unload), and name the merged model with --model.
      """
    case .misfit(let source, let problems):
      """
      \(source): the adapter does not fit the model.
      \(problems.prefix(12).map { "  " + $0 }.joined(separator: "\n"))\
      \(problems.count > 12 ? "\n  and \(problems.count - 12) more" : "")
      Name the model that it was trained on with --model.
      """
    case .notMiniMinds(let reasons):
      """
      MiniMind's LoRA file cannot hold this adapter: \(reasons.joined(separator: "; ")). MiniMind's scripts expect rank 16 at \
      all square layers and nowhere else, as --lora-name trains it. Write a PEFT folder instead, or merge it: --merge.
      """
    }
  }
}
