import ArgumentParser
import Foundation
import MiniMind
import OrderedJSON

/// `chat`: a conversation at the terminal.
struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Talks with a model at the terminal.",
    discussion: "An empty line is ignored; /new starts a new conversation, /quit or Ctrl-D ends.")

  @OptionGroup(title: "Model") var model: ModelArguments
  @Option(help: ArgumentHelp("A system message in front of the conversation.", valueName: "text"))
  var system: String?
  @OptionGroup var config: ConfigArguments
  @OptionGroup(title: "Generation") var generation: GenerationArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "MiniMind's weight files") var shape: ShapeArguments

  func run() throws {
    try device.prepare()
    let source = model.source(shape)
    let speaker = try Speaker(source.loadMerged(), tokenizerFolder: source.tokenizerFolder)
    let opening = system.map { [Message.make("system", $0)] } ?? []
    var messages = opening
    let isTerminal = isatty(STDIN_FILENO) == 1
    while true {
      if isTerminal { Output.write("> ") }
      guard let line = readLine() else { break }
      let text = line.trimmingCharacters(in: .whitespaces)
      switch text {
      case "": continue
      case "/quit": return
      case "/new": messages = opening
      default:
        messages.append(Message.make("user", text))
        let answer = try speaker.answer(messages, options: generation) { Output.write($0) }
        Output.line("\n")
        messages.append(Message.make("assistant", answer))
      }
    }
    if isTerminal { Output.line() }
  }
}
