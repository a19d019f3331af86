import ArgumentParser
import Foundation
import MiniMind
import Observability

/// `chat`: a conversation at the terminal.
struct Chat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Talks with a model at the terminal.",
    discussion: """
      Lines are edited as in a shell, with a history; /help lists the commands. Ctrl-C ends an answer, /quit or Ctrl-D the
      conversation. In a MiniMind checkout the newest out/dpo_*.pth is taken where no --model is named.
      """)

  @OptionGroup(title: "Model") var model: ChosenModelArguments
  @Option(
    help: ArgumentHelp(
      """
      Another model, which answers every question too. Without, /compare asks the one that --model was trained from, where \
      that is known.
      """, valueName: "path"))
  var compareWith: String?
  @Option(help: ArgumentHelp("A system message in front of the conversation.", valueName: "text"))
  var system: String?
  @OptionGroup var config: ConfigArguments
  @OptionGroup(title: "Generation") var generation: GenerationArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "MiniMind's weight files") var shape: ShapeArguments

  func run() throws {
    let path = try model.path()
    if model.model == nil { Console.standardError.print(ChatWords.chosen(path).text) }
    let placement = try device.place(warns: false)
    let source = model.source(path, shape)
    let voice = try ModelVoice(source, name: path, placement: placement)
    let other = compareWith ?? (source.adapter == nil ? ChatModels.reference(of: path) : path)
    let settings = ChatSettings(
      generation.conversational, thinking: generation.think ? .on : .off, seed: generation.seed)
    let editor = LineEditor(
      history: LineHistory(file: LineHistory.standardFile("minimind-dpo")), complete: ChatCommand.completions)
    let session = ChatSession(
      voice,
      comparingWith: other.map { other in
        {
          var base = model.source(other, shape)
          base.adapter = nil
          // The model that an adapter belongs to has its name too.
          return try ModelVoice(base, name: other == path ? "\(path) without the adapter" : other, placement: placement)
        }
      }, compares: compareWith != nil, system: system, settings: settings,
      screen: TerminalChatScreen(isTerminal: editor.isInteractive), isInterrupted: AnswerInterruption.take)
    if editor.isInteractive {
      AnswerInterruption.listen()
      let opening = ChatWords.opening(path, voice.description, settings, other: compareWith == nil ? other : nil)
      Output.line(TerminalChatScreen.fitted(opening.text) + "\n")
    }
    try converse(session, editor)
  }

  private func converse(_ session: ChatSession, _ editor: LineEditor) throws {
    var isLeaving = false
    while true {
      switch editor.read("> ") {
      case .line(let line):
        _ = AnswerInterruption.take()
        isLeaving = false
        guard try session.take(line) else { return }
      case .interrupted(let line):
        // Twice at an empty line: whoever does not know /quit gets out too.
        if line.isEmpty, isLeaving { return }
        isLeaving = line.isEmpty
        if isLeaving { Console.standardError.print(ChatWords.again.text) }
      case .endOfInput: return
      }
    }
  }
}
