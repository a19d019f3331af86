import ArgumentParser
import Foundation
import MiniMind
import OrderedJSON

/// `generate`: answers one prompt or a file of them.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Answers a prompt, or every prompt of a file.",
    discussion: """
      A prompt file has a JSON object a line: {"messages": [{"role", "content"} …]} or {"prompt": "…"}; the answers come as
      JSON lines on standard output, with "response" added.
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
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "MiniMind's weight files") var shape: ShapeArguments

  func validate() throws {
    guard (prompt == nil) != (prompts == nil) else { throw ValidationError("Name either --prompt or --prompts.") }
  }

  func run() throws {
    try device.prepare()
    let requests = try prompts.map(PromptFile.init(contentsOf:))
    let source = model.source(shape)
    let speaker = try Speaker(source.load(), tokenizerFolder: source.tokenizerFolder)
    if let prompt {
      let write = { (piece: String) in Output.write(piece) }
      if plain {
        _ = try speaker.complete(prompt, options: generation, onText: write)
      } else {
        _ = try speaker.answer(Message.conversation(system: system, user: prompt), options: generation, onText: write)
      }
      Output.line()
    }
    for request in requests?.requests ?? [] {
      var line = request.line
      line["response"] = .string(try speaker.answer(request.messages, options: generation))
      Output.line(JSON.object(line).serialized(.python))
    }
  }
}
