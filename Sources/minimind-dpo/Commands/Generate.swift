import ArgumentParser
import Foundation
import MiniMind
import OrderedJSON

/// `generate`: answers one prompt or a file of them.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answers a prompt, or every prompt of a file.",
    discussion: """
      A prompt file has a JSON object a line: {"messages": [{"role", "content"} …]} or {"prompt": "…"}; or it holds preference
      pairs, whose prompts are taken. The answers come as JSON lines on standard output, with "response" added. Many are made at
      once; each draws from its own seed, made of --seed and the place of its prompt.
      """)

  @OptionGroup(title: "Model") var model: ModelArguments
  @Option(help: ArgumentHelp("What the user says.", valueName: "text"))
  var prompt: String?
  @Option(help: ArgumentHelp("A system message in front of --prompt.", valueName: "text"))
  var system: String?
  @Option(help: ArgumentHelp("A file of prompts.", valueName: "file"))
  var prompts: String?
  @Flag(help: "Continue --prompt as plain text, without the chat template.")
  var plain = false
  @OptionGroup var config: ConfigArguments
  @OptionGroup(title: "Generation") var generation: GenerationArguments
  @OptionGroup var batch: AnswerBatchArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "MiniMind's weight files") var shape: ShapeArguments

  func validate() throws {
    guard (prompt == nil) != (prompts == nil) else { throw ValidationError("Name either --prompt or --prompts.") }
  }

  func run() throws {
    try device.prepare()
    let requests = try prompts.map(PromptFile.init(contentsOf:))
    let source = model.source(shape)
    let speaker = try Speaker(source.loadMerged(), tokenizerFolder: source.tokenizerFolder)
    if let prompt {
      let write = { (piece: String) in Output.write(piece) }
      if plain {
        _ = try speaker.complete(prompt, options: generation, onText: write)
      } else {
        _ = try speaker.answer(Message.conversation(system: system, user: prompt), options: generation, onText: write)
      }
      Output.line()
    }
    if let requests { try answer(requests.requests, speaker) }
  }

  /// Prints the answers in the order of the prompts, each as soon as those before it are there.
  private func answer(_ requests: [PromptFile.Request], _ speaker: Speaker) throws {
    let prompts = try requests.map {
      try speaker.prompt(of: $0.messages, tools: $0.tools, variables: $0.variables, think: generation.think)
    }
    var waiting: [Int: String] = [:]
    var next = 0
    try speaker.answers(to: prompts, sampling: generation.sampling, rows: batch.batchSize) { answer in
      waiting[answer.prompt] = speaker.text(of: answer.tokens)
      while let response = waiting.removeValue(forKey: next) {
        var line = requests[next].line
        line["response"] = .string(response)
        Output.line(JSON.object(line).serialized(.python))
        next += 1
      }
    }
  }
}
