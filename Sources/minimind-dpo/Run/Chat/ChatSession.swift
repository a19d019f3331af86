import Foundation
import MiniMind
import Observability
import OrderedJSON
import Serving

/// A conversation with a model, and with another one to compare it with: what was said, and how answers are made. It knows
/// nothing of terminals.
package final class ChatSession {
  private let voice: any ChatVoice
  private var other: (any ChatVoice)?
  /// Makes the other model when it is first asked; nil where there is none to compare with.
  private let loadOther: (() throws -> any ChatVoice)?
  private let screen: any ChatScreen
  package private(set) var settings: ChatSettings
  private var system: String?
  private var turns: [Turn] = []
  /// Whether both models answer.
  private var compares: Bool
  /// Set by whoever wants the running answer to end.
  private let isInterrupted: () -> Bool

  /// A question and what was answered: by the model, and by the other one where that was asked.
  private struct Turn {
    let question: String
    var answers: [Said?] = [nil, nil]
    /// How often it has been answered.
    var attempts = 0
    var seed: UInt64 = 0
  }

  private struct Said {
    var content = ""
    var reasoning = ""

    var message: JSON {
      var message: JSON.Object = ["role": "assistant", "content": .string(content)]
      if !reasoning.isEmpty { message["reasoning_content"] = .string(reasoning) }
      return .object(message)
    }
  }

  /// - Parameters:
  ///   - loadOther: makes the model to compare with; nil where none is known
  ///   - compares: whether it answers every question from the start
  ///   - isInterrupted: asked after every token; true ends the answer, once
  package init(
    _ voice: any ChatVoice, comparingWith loadOther: (() throws -> any ChatVoice)? = nil, compares: Bool = false,
    system: String? = nil, settings: ChatSettings, screen: any ChatScreen,
    isInterrupted: @escaping () -> Bool = { false }
  ) {
    (self.voice, self.loadOther, self.compares, self.system) = (voice, loadOther, compares, system)
    (self.settings, self.screen, self.isInterrupted) = (settings, screen, isInterrupted)
  }

  /// Does what a line asks for.
  ///
  /// - Returns: whether the conversation goes on
  package func take(_ line: String) throws -> Bool {
    switch ChatCommand(line) {
    case .nothing: break
    case .quit: return false
    case .message(let text):
      turns.append(Turn(question: text, seed: settings.newSeed()))
      try answerLast()
    case .help: screen.note(ChatWords.help.text)
    case .reset:
      turns = []
      screen.note(ChatWords.reset.text)
    case .regenerate:
      guard !turns.isEmpty else { return note(ChatWords.nothingAsked) }
      turns[turns.count - 1].attempts += 1
      try answerLast()
    case .system(let text):
      guard let text else { return note(ChatWords.system(system)) }
      system = ["off", "none", "-"].contains(text) ? nil : text
      screen.note(ChatWords.systemSet(system).text)
    case .compare(let isOn): try compare(isOn)
    case .think(let thinking):
      if let thinking { settings.thinking = thinking }
      screen.note(ChatWords.thinking(settings.thinking).text)
    case .set(let setting):
      if let setting, let mistake = settings.set(setting.name, to: setting.value) { return note(mistake) }
      screen.note(settings.text)
    case .unknown(let word, let nearest): screen.note(ChatWords.unknown(word, nearest: nearest).text)
    case .misused(let usage): screen.note(ChatWords.usage(usage).text)
    }
    return true
  }

  private func note(_ words: Phrase) -> Bool {
    screen.note(words.text)
    return true
  }

  private func compare(_ isOn: Bool?) throws {
    if let isOn, !isOn {
      compares = false
      return screen.note(ChatWords.comparing(nil).text)
    }
    guard let other = try theOther() else { return screen.note(ChatWords.noReference.text) }
    guard isOn == nil else {
      compares = true
      return screen.note(ChatWords.comparing(other.name).text)
    }
    guard !turns.isEmpty else { return screen.note(ChatWords.nothingAsked.text) }
    try answer(turns.count - 1, by: other, place: 1, isNamed: true)
  }

  private func theOther() throws -> (any ChatVoice)? {
    if other == nil { other = try loadOther?() }
    return other
  }

  private func answerLast() throws {
    let last = turns.count - 1
    let other = compares ? try theOther() : nil
    let goesOn = try answer(last, by: voice, place: 0, isNamed: other != nil)
    if let other, goesOn { try answer(last, by: other, place: 1, isNamed: true) }
  }

  /// - Returns: whether the answer was not interrupted
  @discardableResult
  private func answer(_ turn: Int, by voice: any ChatVoice, place: Int, isNamed: Bool) throws -> Bool {
    guard let prompt = try prompt(for: voice, place: place, upTo: turn) else {
      // What cannot be asked is not part of the conversation.
      turns.removeLast()
      return true
    }
    if isNamed { screen.name(voice.name) }
    var sampling = settings.sampling
    sampling.seed = turns[turn].seed &+ UInt64(turns[turn].attempts)
    sampling.maxNewTokens = min(sampling.maxNewTokens, voice.contextLength - prompt.tokens.count)
    var said = Said()
    var writer = AnswerWriter(screen, showsThoughts: settings.thinking == .on)
    var isStopped = false
    let isCut = try voice.answer(prompt, sampling) { part in
      switch part {
      case .content(let text): said.content += text
      case .reasoning(let text): said.reasoning += text
      case .toolCall: break
      }
      writer.write(part)
      isStopped = isInterrupted()
      return !isStopped
    }
    writer.finish()
    turns[turn].answers[place] = said
    if isStopped {
      screen.note(ChatWords.stopped.text)
    } else if isCut {
      screen.note(ChatWords.cut(at: sampling.maxNewTokens).text)
    } else if said.content.isEmpty {
      screen.note(ChatWords.emptyAnswer.text)
    }
    return !isStopped
  }

  /// The conversation for a model, with its own answers where it has given any; the oldest turns are left out where they
  /// do not fit. Nil where not even the question does.
  private func prompt(for voice: any ChatVoice, place: Int, upTo turn: Int) throws -> ChatFormat.Prompt? {
    for first in 0...turn {
      var messages = system.map { [Message.make("system", $0)] } ?? []
      for index in first...turn {
        messages.append(Message.make("user", turns[index].question))
        if index < turn, let said = turns[index].answers[place] ?? turns[index].answers[0] {
          messages.append(said.message)
        }
      }
      let prompt = try voice.prompt(of: messages, thinks: settings.thinking != .off)
      let room = voice.contextLength - prompt.tokens.count
      if room >= min(Self.leastRoom, voice.contextLength / 4) {
        if first > 0 { screen.note(ChatWords.forgotten(first).text) }
        return prompt
      }
    }
    screen.note(ChatWords.tooLong(voice.contextLength).text)
    return nil
  }

  /// Tokens that an answer should have at least.
  private static let leastRoom = 128
}
