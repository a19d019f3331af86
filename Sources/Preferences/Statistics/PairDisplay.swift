import Tokenization

/// Prints a tokenized pair for a terminal: the shared prefix, the rest of each side, and which tokens are targets.
public struct PairDisplay: Sendable {
  /// Whether colours are used; without them, brackets mark the targets.
  public var usesColour: Bool
  /// The text of ids, special tokens as they are spelled.
  private let decode: @Sendable ([Int32]) -> String

  /// A display.
  /// - Parameters:
  ///   - tokenizer: what the ids mean.
  ///   - usesColour: whether the terminal shows colours; false where `NO_COLOR` is set or the output is not a terminal.
  public init(tokenizer: Tokenizer, usesColour: Bool) {
    self.init(
      decode: { tokenizer.decode($0, skipSpecialTokens: false) }, usesColour: usesColour)
  }

  /// A display made of functions, for tests.
  package init(decode: @escaping @Sendable ([Int32]) -> String, usesColour: Bool) {
    self.decode = decode
    self.usesColour = usesColour
  }

  /// One pair: a heading, the shared prefix, and the two tails, with a legend of the marks.
  ///
  /// In colour the prefix is dim, targets are green on the chosen side and red on the rejected one, other tokens plain.
  /// Without colour, targets stand between ⟦ and ⟧. Special tokens are printed as they are spelled.
  public func text(of pair: TokenizedPair) -> String {
    guard pair.hasRejected else { return textAlone(pair) }
    var lines = [heading(of: pair), legend]
    let prefix = pair.sharedPrefix
    lines.append(
      rule("shared prefix", tokens: prefix, targets: pair.chosenTargets.prefix(prefix).count { $0 }))
    lines.append(
      section(pair.chosenIDs.prefix(prefix), pair.chosenTargets.prefix(prefix), target: .dimUnderlined, other: .dim))
    for (name, ids, targets, isTruncated, style) in [
      ("chosen", pair.chosenIDs, pair.chosenTargets, pair.chosenIsTruncated, Style.green),
      ("rejected", pair.rejectedIDs, pair.rejectedTargets, pair.rejectedIsTruncated, Style.red),
    ] {
      lines.append(
        rule(
          name, tokens: ids.count - prefix, targets: targets.dropFirst(prefix).count { $0 }, isTruncated: isTruncated))
      lines.append(section(ids.dropFirst(prefix), targets.dropFirst(prefix), target: style, other: .plain))
    }
    return lines.filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
  }

  /// A text to imitate: a heading and its tokens.
  private func textAlone(_ text: TokenizedPair) -> String {
    let (ids, targets) = (text.chosenIDs, text.chosenTargets)
    let legend = usesColour ? paint("target", .green) + " · not a target" : self.legend
    return [
      heading(of: text), legend,
      rule("text", tokens: ids.count, targets: targets.count { $0 }, isTruncated: text.chosenIsTruncated),
      section(ids[...], targets[...], target: .green, other: .plain),
    ].filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
  }

  private var legend: String {
    usesColour
      ? paint("shared", .dim) + " · " + paint("target shared", .dimUnderlined) + " · " + paint("chosen target", .green)
        + " · " + paint("rejected target", .red) + " · not a target"
      : "⟦target⟧ · not a target"
  }

  private func heading(of pair: TokenizedPair) -> String {
    let dropped = pair.dropReason.map { ", dropped: \($0.rawValue)" } ?? ""
    return paint("\(pair.hasRejected ? "pair" : "text") \(pair.index) (line \(pair.line))\(dropped)", .bold)
  }

  private func rule(_ name: String, tokens: Int, targets: Int, isTruncated: Bool = false) -> String {
    let cut = isTruncated ? ", truncated" : ""
    return paint("── \(name): \(tokens) tokens, \(targets) of them targets\(cut) ──", .bold)
  }

  /// Tokens in runs of targets and others; each run is decoded as one, since a character may span tokens.
  private func section(
    _ ids: ArraySlice<Int32>, _ targets: ArraySlice<Bool>, target: Style, other: Style
  ) -> String {
    var text = ""
    var run: [Int32] = []
    var isTarget = false
    func finishRun() {
      if run.isEmpty { return }
      let decoded = visible(decode(run))
      if isTarget {
        text += usesColour ? paint(decoded, target) : "⟦\(decoded)⟧"
      } else {
        text += paint(decoded, other)
      }
      run.removeAll()
    }
    for (id, isNextTarget) in zip(ids, targets) {
      if isNextTarget != isTarget { finishRun() }
      isTarget = isNextTarget
      run.append(id)
    }
    finishRun()
    return text
  }

  /// The text with control characters made visible, so that data cannot steer the terminal.
  private func visible(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x0A: result.append(scalar)
      case 0x09: result.append(scalar)
      case 0..<0x20: result.append(Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}")
      case 0x7F..<0xA0: result.append("\u{FFFD}")
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  // MARK: Colours

  private enum Style: String {
    case plain = ""
    case bold = "1"
    case dim = "2"
    case dimUnderlined = "2;4"
    case green = "32"
    case red = "31"
  }

  /// Colours a text line by line: pagers forget colours at the end of a line.
  private func paint(_ text: String, _ style: Style) -> String {
    guard usesColour, style != .plain, !text.isEmpty else { return text }
    return text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.isEmpty ? "" : "\u{1B}[\(style.rawValue)m\($0)\u{1B}[0m" }
      .joined(separator: "\n")
  }
}
