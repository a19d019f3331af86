import OrderedJSON

/// Preference data in the words of other projects, put into those that `PreferenceFormat` reads.
///
/// | words | whose |
/// | --- | --- |
/// | `messages` with `rejected_response` or `rejected_messages`; `query`, `response`, `history`; `instruction`, `output`; `conversation` | ms-swift (https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html) |
/// | `question` or `input` with `chosen`, `rejected`; `instruction` with `chosen_response`, `rejected_response`; `prompt` with ranked `answers` | axolotl (https://docs.axolotl.ai/docs/rlhf.html) |
/// | `context` with ranked `completions` | NeMo RL (https://docs.nvidia.com/nemo/rl/latest/guides/dpo.html) |
/// | `context` or `prompt` with `response1`, `response2` and `overall_preference` or `preference_strength` | HelpSteer2 and 3 (https://huggingface.co/datasets/nvidia/HelpSteer3) |
///
/// All of them are conversations: their projects render them with a chat template.
enum OtherSpellings {
  /// A line in words that are known, and what its own words say besides.
  struct Translation {
    var record: JSON.Object
    /// The score of the chosen answer less that of the rejected one, where the line has it in words of its own.
    var scoreMargin: Double?
    /// Whether the line says that neither answer is the better one.
    var isTie = false
  }

  /// What a line says in words that are known; nil where its own are.
  static func translated(_ record: JSON.Object) throws(UnusableRecord) -> Translation? {
    if record["chosen"] != nil, record["rejected"] != nil { return questioned(record).map { Translation(record: $0) } }
    if record["chosen"] != nil { return nil }
    if let completions = filled(record["completions"]) { return try ranked(record, completions) }
    if let answers = filled(record["answers"]) { return try nectar(record, answers) }
    if let translation = try helpSteer(record) { return translation }
    if record["rejected_messages"] != nil || record["rejected_response"] != nil {
      return Translation(record: try rejecting(record))
    }
    return nil
  }

  // MARK: axolotl

  /// axolotl's `chatml.intel` (`question`) and `chatml.icr` (`input`): what the user says, and two texts.
  private static func questioned(_ record: JSON.Object) -> JSON.Object? {
    guard let chosen = record["chosen"]?.string, let rejected = record["rejected"]?.string,
      ["prompt", "messages", "conversations", "instruction"].allSatisfy({ filled(record[$0]) == nil }),
      let key = ["question", "query", "input"].first(where: { filled(record[$0])?.string != nil })
    else { return nil }
    var record = record
    record["prompt"] = asked(record.removeValue(forKey: key) ?? .null)
    record["chosen"] = answered(.string(chosen))
    record["rejected"] = answered(.string(rejected))
    return record
  }

  /// axolotl's `zephyr.nectar`: answers of which the one of the lowest rank is the best.
  private static func nectar(_ record: JSON.Object, _ answers: JSON) throws(UnusableRecord) -> Translation {
    let extremes = try Ranked.extremes(of: answers, key: "answers", member: "answer")
    var record = record
    record.removeValue(forKey: "answers")
    if let prompt = record["prompt"], prompt.string != nil { record["prompt"] = asked(prompt) }
    record["chosen"] = answered(extremes.best.value)
    record["rejected"] = answered(extremes.worst.value)
    return Translation(record: record, scoreMargin: nil, isTie: extremes.areEqual)
  }

  // MARK: NeMo RL

  /// NeMo RL's `PreferenceDataset`: the completion of the lowest rank is chosen, that of the highest is rejected.
  private static func ranked(_ record: JSON.Object, _ completions: JSON) throws(UnusableRecord) -> Translation {
    let extremes = try Ranked.extremes(of: completions, key: "completions", member: "completion")
    var record = record
    record.removeValue(forKey: "completions")
    try moveContext(in: &record)
    record["chosen"] = extremes.best.value
    record["rejected"] = extremes.worst.value
    var margin: Double?
    if let better = extremes.best.reward, let worse = extremes.worst.reward { margin = better - worse }
    return Translation(record: record, scoreMargin: margin, isTie: extremes.areEqual)
  }

  /// `context`, a list of messages or what the user says, becomes `prompt`.
  private static func moveContext(in record: inout JSON.Object) throws(UnusableRecord) {
    guard let context = record.removeValue(forKey: "context") else { return }
    guard filled(record["prompt"]) == nil else {
      throw UnusableRecord("\"context\" and \"prompt\" are both there; take one of them out")
    }
    record["prompt"] = context.string == nil ? context : asked(context)
  }

  // MARK: HelpSteer

  /// A preference below 0 is for the first answer, above 0 for the second; its size, 1 to 3, is the margin.
  private static func helpSteer(_ record: JSON.Object) throws(UnusableRecord) -> Translation? {
    guard
      let keys = [("response1", "response2"), ("response_1", "response_2")]
        .first(where: { record[$0.0] != nil && record[$0.1] != nil })
    else { return nil }
    guard let name = ["overall_preference", "preference_strength"].first(where: { record[$0] != nil }) else {
      throw UnusableRecord(
        "\"\(keys.0)\" and \"\(keys.1)\" without \"overall_preference\" or \"preference_strength\", which say which is the "
          + "better one")
    }
    guard let preference = record[name]?.double else {
      throw UnusableRecord(
        "\"\(name)\" is \(PreferenceFormat.kind(of: record[name] ?? .null)); expected a number, below 0 where the first answer is "
          + "the better one")
    }
    var record = record
    record.removeValue(forKey: name)
    let answers = [keys.0, keys.1].map { answered(record.removeValue(forKey: $0) ?? .null) }
    try moveContext(in: &record)
    if let prompt = record["prompt"], prompt.string != nil { record["prompt"] = asked(prompt) }
    record["chosen"] = answers[preference > 0 ? 1 : 0]
    record["rejected"] = answers[preference > 0 ? 0 : 1]
    return Translation(record: record, scoreMargin: abs(preference), isTie: preference == 0)
  }

  // MARK: ms-swift

  /// ms-swift's lines of supervised fine-tuning with a `rejected_response` to their last answer or, as a conversation of its
  /// own, `rejected_messages`; also the same beside `chosen_response`.
  private static func rejecting(_ record: JSON.Object) throws(UnusableRecord) -> JSON.Object {
    var record = record
    try moveConversation(in: &record)
    if filled(record["messages"]) != nil, let rejected = filled(record["rejected_messages"]) {
      record["chosen"] = record.removeValue(forKey: "messages")
      record["rejected"] = rejected
      record.removeValue(forKey: "rejected_messages")
      return record
    }
    guard let rejected = filled(record.removeValue(forKey: "rejected_response")) else {
      throw UnusableRecord("\"rejected_messages\" stand beside \"messages\", the chosen conversation; there is none")
    }
    if let messages = filled(record["messages"])?.array, filled(record["chosen_response"]) == nil {
      guard messages.count > 1, let last = messages.last, last["role"]?.string == "assistant" else {
        throw UnusableRecord(
          "\"messages\" beside \"rejected_response\" must end with a question and the chosen answer to it, an assistant turn"
        )
      }
      record["prompt"] = .array(messages.dropLast())
      record.removeValue(forKey: "messages")
      record["chosen"] = [last]
      record["rejected"] = answered(rejected)
      return record
    }
    guard let key = ["chosen_response", "response", "output"].first(where: { filled(record[$0]) != nil }) else {
      throw UnusableRecord(
        "\"rejected_response\" without the chosen answer; expected it at the end of \"messages\", or in \"response\", "
          + "\"output\" or \"chosen_response\"")
    }
    let chosen = record.removeValue(forKey: key) ?? .null
    if let query = record.removeValue(forKey: "query") { record["instruction"] = query }
    if filled(record["instruction"]) != nil {
      // Read as LLaMA-Factory's Alpaca form, which has the same instruction, input, history and system.
      (record["chosen"], record["rejected"]) = (chosen, rejected)
      return record
    }
    if let prompt = record["prompt"], prompt.string != nil { record["prompt"] = asked(prompt) }
    (record["chosen"], record["rejected"]) = (answered(chosen), answered(rejected))
    return record
  }

  /// ms-swift's `conversation`, a list of exchanges, becomes `messages`.
  private static func moveConversation(in record: inout JSON.Object) throws(UnusableRecord) {
    guard let exchanges = record["conversation"]?.array, filled(record["messages"]) == nil else { return }
    var messages: [JSON] = []
    for (index, exchange) in exchanges.enumerated() {
      guard let human = exchange["human"]?.string, let assistant = exchange["assistant"]?.string else {
        throw UnusableRecord("conversation[\(index)] has no texts \"human\" and \"assistant\"")
      }
      messages += [["role": "user", "content": .string(human)], ["role": "assistant", "content": .string(assistant)]]
    }
    record.removeValue(forKey: "conversation")
    record["messages"] = .array(messages)
  }

  // MARK: Words

  private static func asked(_ text: JSON) -> JSON { [["role": "user", "content": text]] }

  /// A text as the assistant's answer; messages as they are.
  private static func answered(_ answer: JSON) -> JSON {
    guard answer.array == nil, answer.object == nil else { return answer.array == nil ? [answer] : answer }
    return [["role": "assistant", "content": answer]]
  }

  private static func filled(_ value: JSON?) -> JSON? { PreferenceFormat.isEmpty(value) ? nil : value }
}

/// Answers with a rank each, of which the lowest is the best.
private struct Ranked {
  var rank: Double
  var value: JSON
  /// A score that stands beside the rank.
  var reward: Double?

  /// The first of the best answers and the last of the worst; those between them teach nothing here.
  static func extremes(
    of list: JSON, key: String, member: String
  ) throws(UnusableRecord) -> (best: Ranked, worst: Ranked, areEqual: Bool) {
    var answers: [Ranked] = []
    for (index, element) in (list.array ?? []).enumerated() {
      guard let rank = element["rank"]?.double, let value = element[member] else {
        throw UnusableRecord("\(key)[\(index)] has no \"rank\" that is a number, or no \"\(member)\"")
      }
      answers.append(Ranked(rank: rank, value: value, reward: element["reward"]?.double))
    }
    guard answers.count >= 2 else {
      throw UnusableRecord("\"\(key)\" must be a list of two answers or more; found \(answers.count)")
    }
    var (best, worst) = (answers[0], answers[0])
    for answer in answers.dropFirst() {
      if answer.rank < best.rank { best = answer }
      if answer.rank >= worst.rank { worst = answer }
    }
    return (best, worst, best.rank == worst.rank)
  }
}
