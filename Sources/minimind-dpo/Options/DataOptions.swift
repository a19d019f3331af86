import ArgumentParser
import Foundation
import Preferences

/// How pairs become tokens; common to all commands that read a preference file.
struct PairArguments: ParsableArguments {
  @Option(
    name: [.long, .customLong("max-seq-len")],
    help: ArgumentHelp("Longest side of a pair in tokens; the rest is cut off.", valueName: "tokens"))
  var maxLength = 1024

  @Option(help: "Which end survives a cut: keep_start or keep_end.")
  var truncationMode = PairOptions.TruncationMode.keepStart

  @Option(
    help: "Empty <think></think> blocks in the rendered text: keep, drop, or random (80 % of the pairs drop theirs).")
  var emptyThink = PairOptions.EmptyThink.keep

  @Option(
    help: """
      Tokens to learn from: last-turns (the assistant's turns after the messages that both sides share; in sft after the prompt, or \
      all where none is named) or all (every assistant turn).
      """)
  var completionMask = PairOptions.CompletionMask.lastTurns

  @Flag(
    help: "Write plain-text pairs with the chat template, the prompt as the user's message; else they stay as they are."
  )
  var applyChatTemplate = false

  @Flag(help: "Drop and count lines that are not usable pairs, instead of refusing the file.")
  var skipBadLines = false

  @Option(
    help: ArgumentHelp(
      """
      Keys of other names: prompt=…, chosen=…, rejected=…, system=…, tools=…, messages=…, score_chosen=…, score_rejected=…, \
      margin=…, in sft also completion=…, text=…, with commas between them.
      """, valueName: "part=key,…"), transform: DataFileName.columns)
  var columns = ColumnNames()

  @Option(
    help: ArgumentHelp(
      "Read only so many of the first lines of each file, for a trial. (default: all)", valueName: "lines"))
  var maxSamples: Int?

  @Option(
    help: ArgumentHelp(
      """
      Drop pairs whose scores differ by less: chosen minus rejected, in the data's own unit. Pairs without scores stay; train \
      leaves --eval-data as it is.
      """, valueName: "number"))
  var minMargin: Double?

  @Option(
    help: ArgumentHelp(
      "Where tokens are kept for the next start; off keeps none. Without: $MINIMIND_DPO_CACHE or ~/.cache/minimind-dpo.",
      valueName: "folder|off"))
  var tokenCache: String?

  func validate() throws {
    guard maxLength >= 2 else { throw ValidationError("--max-length must be at least 2 tokens.") }
    guard maxSamples ?? 1 >= 1 else { throw ValidationError("--max-samples must be at least 1.") }
    guard minMargin?.isFinite ?? true else { throw ValidationError("--min-margin must be a finite number.") }
  }

  func options(seed: UInt64) -> PairOptions {
    var options = PairOptions(
      maxLength: maxLength, truncationMode: truncationMode, emptyThink: emptyThink, completionMask: completionMask,
      applyChatTemplate: applyChatTemplate, seed: seed, skipBadLines: skipBadLines)
    options.columns = columns
    options.maxSamples = maxSamples
    options.minimumMargin = minMargin
    return options
  }
}

extension PairArguments {
  /// Where tokens are kept; nil where they are not.
  var cache: TokenCache? {
    if tokenCache == "off" { return nil }
    let named = tokenCache.map { URL(fileURLWithPath: $0, isDirectory: true) }
    return (named ?? TokenCache.standardFolder()).map { TokenCache(folder: $0) }
  }
}

extension PairOptions.TruncationMode: ExpressibleByArgument {}
extension PairOptions.EmptyThink: ExpressibleByArgument {}
extension PairOptions.CompletionMask: ExpressibleByArgument {}
