import ArgumentParser
import Foundation
import MiniMind
import OrderedJSON

/// `generate`: answers one prompt or a file of them.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answers a prompt, or every prompt of a file.",
    discussion: """
      A prompt file has a prompt a line, as plain text or as a JSON object: {"messages": [{"role", "content"} …]} or
      {"prompt": "…"}; or it holds preference pairs, whose prompts are taken. The answers come as JSON lines on standard output, with "response" added. Many are made at
      once; each draws from its own seed, made of --seed and the place of its prompt.
      """)

  @OptionGroup(title: "Model") var model: ModelArguments
  @Option(help: ArgumentHelp("What the user says; - reads it from standard input.", valueName: "text"))
  var prompt: String?
  @Option(help: ArgumentHelp("A system message in front of --prompt.", valueName: "text"))
  var system: String?
  @Option(help: ArgumentHelp("A file of prompts; - for standard input.", valueName: "file"))
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
    let placement = try device.place(warns: false)
    // Before the model: input that is missing should not cost the time of loading.
    let requests = try prompts.map(PromptFile.init(contentsOf:))
    let prompt = try prompt.map(Self.given)
    let source = model.source(shape)
    let folder = try source.tokenizerFolder
    let model = try source.loadMerged()
    try model.place(on: placement.device, multiplyingIn: placement.type)
    let speaker = try Speaker(model, tokenizerFolder: folder)
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

  /// The prompt of the command line, or that of standard input.
  private static func given(_ prompt: String) throws -> String {
    guard prompt == "-" else {
      guard !prompt.isEmpty else { throw Failure(.usage, "--prompt is empty: there is nothing to answer.") }
      return prompt
    }
    let bytes = FileHandle.standardInput.readDataToEndOfFile()
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Failure(.badData, "standard input: not UTF-8 text.")
    }
    // The line feed with which a shell's echo ends is not meant.
    let asked = text.hasSuffix("\n") ? String(text.dropLast()) : text
    guard !asked.isEmpty else { throw Failure(.badData, "standard input is empty: there is nothing to answer.") }
    return asked
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
