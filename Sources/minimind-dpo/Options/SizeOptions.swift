import ArgumentParser
import MiniMind
import OrderedJSON

/// Sizes of a model that is made, by their names in `config.json`.
struct SizeArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Width of the model, at most 16384.", valueName: "size"))
  var hiddenSize: Int?
  @Option(help: ArgumentHelp("Number of layers, at most 512.", valueName: "count"))
  var numHiddenLayers: Int?
  @Option(help: ArgumentHelp("Query heads; twice their number must divide the width.", valueName: "count"))
  var numAttentionHeads: Int?
  @Option(help: ArgumentHelp("Key and value heads; they divide the query heads.", valueName: "count"))
  var numKeyValueHeads: Int?
  @Option(help: ArgumentHelp("Width inside the feed-forward networks, at most 65536.", valueName: "size"))
  var intermediateSize: Int?
  @Option(
    help: ArgumentHelp(
      "Rows of the embedding table, at most 1000000: as many as the tokenizer has ids.", valueName: "count"))
  var vocabSize: Int?
  @Option(help: ArgumentHelp("The longest sequence in tokens, at most 1048576.", valueName: "tokens"))
  var maxPositionEmbeddings: Int?

  /// The sizes by their names in `config.json`, with the largest that is taken.
  private var given: [(name: String, value: Int?, most: Int)] {
    [
      ("hidden_size", hiddenSize, 16384), ("num_hidden_layers", numHiddenLayers, 512),
      ("num_attention_heads", numAttentionHeads, 1024), ("num_key_value_heads", numKeyValueHeads, 1024),
      ("intermediate_size", intermediateSize, 65536), ("vocab_size", vocabSize, 1_000_000),
      ("max_position_embeddings", maxPositionEmbeddings, 1_048_576),
    ]
  }

  func validate() throws {
    for (name, value, most) in given {
      guard let value, !(1...most).contains(value) else { continue }
      throw ValidationError("--\(name.replacing("_", with: "-")) must be from 1 to \(most).")
    }
  }

  /// A `config.json` with these sizes.
  ///
  /// - Throws: `Failure` for heads that do not divide the width
  func applied(to json: JSON, givenShape shape: NamedShape?) throws -> JSON {
    guard var object = json.object, given.contains(where: { $0.value != nil }) else { return json }
    for (name, value, _) in given { if let value { object[name] = .integer(value) } }
    guard hiddenSize != nil || numAttentionHeads != nil else { return .object(object) }
    guard let width = object["hidden_size"]?.int, let heads = object["num_attention_heads"]?.int else {
      return .object(object)
    }
    guard width % (2 * heads) == 0 else {
      throw Failure(
        .usage,
        "--hidden-size \(width) with \(heads) heads: twice their number must divide the width; give --num-attention-heads."
      )
    }
    object["head_dim"] = .integer(width / heads)
    if numKeyValueHeads == nil, let shared = object["num_key_value_heads"]?.int, heads % shared != 0 {
      object["num_key_value_heads"] = .integer(heads)
    }
    if let shape, hiddenSize != nil, intermediateSize == nil {
      let inner = shape.feedForwardWidth(hidden: width)
      object["intermediate_size"] = .integer(inner)
      if object["moe_intermediate_size"] != nil { object["moe_intermediate_size"] = .integer(inner) }
    }
    return .object(object)
  }
}
