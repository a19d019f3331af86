import Foundation
import MiniMind
import OrderedJSON

/// What a request says that is the same for conversations and plain prompts.
struct CompletionSettings {
  let model: String
  let streams: Bool
  let includesUsage: Bool
  let choices: Int
  let stops: [String]
  /// The options, but for the most tokens.
  var options: SamplingOptions
  /// The most tokens that the request asks for; nil where it does not.
  let maxTokens: Int?

  /// - Parameter standard: what is taken where the request says nothing
  init(_ fields: RequestFields, standard: CompletionStandard) throws(APIError) {
    guard let model = try fields.text("model") else { throw .invalid("model", "this field is required") }
    self.model = model
    streams = try fields.switched("stream") ?? false
    let stream = try fields.object("stream_options")
    guard stream == nil || streams else { throw .invalid("stream_options", "goes with \"stream\": true only") }
    includesUsage = stream?["include_usage"]?.bool ?? false
    choices = try fields.integer("n", in: 1...16) ?? 1
    let older = try fields.integer("max_tokens", in: 1...Int.max)
    maxTokens = try fields.integer("max_completion_tokens", in: 1...Int.max) ?? older
    stops = try Self.stops(fields)
    options = standard.options
    if let temperature = try fields.number("temperature", in: 0...2) { options.temperature = temperature }
    if let topP = try fields.number("top_p", in: 0...1) { options.topP = topP }
    // 0 and -1 mean all of them in other servers.
    if let topK = try fields.integer("top_k", in: -1...Int.max) { options.topK = topK < 1 ? nil : topK }
    if let penalty = try fields.number("repetition_penalty", in: 0.01...100) { options.repetitionPenalty = penalty }
    let seed = try fields.integer("seed", in: Int.min...Int.max)
    options.seed = seed.map { UInt64(bitPattern: Int64($0)) } ?? standard.seed ?? .random(in: 0...UInt64.max)
    for name in ["presence_penalty", "frequency_penalty"] where try fields.number(name, in: -2...2) ?? 0 != 0 {
      throw .invalid(name, "is not supported; repetition_penalty is")
    }
    if try fields.switched("logprobs") ?? false { throw .invalid("logprobs", "is not supported") }
  }

  private static func stops(_ fields: RequestFields) throws(APIError) -> [String] {
    guard let json = fields["stop"] else { return [] }
    let list = json.string.map { [JSON.string($0)] } ?? json.array ?? []
    let texts = list.compactMap(\.string)
    guard !texts.isEmpty || json.array?.isEmpty == true, texts.count == list.count, texts.count <= 16,
      !texts.contains("")
    else { throw .invalid("stop", "expected a text, or a list of up to 16 texts, none of them empty") }
    return texts
  }

  /// The request to a model, once its prompt is known.
  ///
  /// - Parameter usualTokens: the most tokens where the request does not say
  func request(
    _ prompt: ChatFormat.Prompt, of model: ServedModel, usualTokens: Int
  ) throws(APIError) -> GenerationRequest {
    let room = model.contextLength - prompt.tokens.count
    guard room > 0 else {
      throw APIError(
        status: 400,
        "The prompt has \(prompt.tokens.count) tokens, but the context of '\(model.name)' ends at \(model.contextLength), and the "
          + "answer needs room too.", field: "messages", code: "context_length_exceeded")
    }
    var options = options
    options.maxNewTokens = min(maxTokens ?? usualTokens, room)
    var request = GenerationRequest(model: model.name, prompt: prompt, options: options)
    (request.choices, request.stops) = (choices, stops)
    return request
  }
}
