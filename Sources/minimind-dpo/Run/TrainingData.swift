import Foundation
import Observability
import Preferences

/// The pairs of one or several files to learn from: read, sampled, split and mixed as asked for.
struct TrainingData {
  /// The files in the order in which they were named, with what was found in each.
  let files: [(source: PairSource, prepared: PreparedPairs)]
  /// The pairs to learn from, one file after the other.
  let pairs: [TokenizedPair]
  /// The pairs that are held out of them.
  let heldOut: [TokenizedPair]
  /// What an epoch takes of each file.
  let mixture: PairMixture

  /// Puts files together. All ranks get the same of the same files.
  ///
  /// - Parameters:
  ///   - heldOut: how much is held out; nil for nothing
  ///   - strategy: what decides the length of an epoch of weighted files
  init(
    _ files: [(source: PairSource, prepared: PreparedPairs)], heldOut: HeldOutSize? = nil,
    strategy: PairMixture.Strategy = .under, seed: UInt64
  ) throws {
    self.files = files
    try Self.requireScores(files)
    for file in files { try Self.requireUsable(file, ofSeveral: files.count > 1) }
    let tokenized = files.map(\.prepared.tokenized)
    let joined = TokenizedPairs(joining: tokenized, options: tokenized[0].options).pairs.filter { $0.dropReason == nil }
    let all = files.enumerated().flatMap { place, file in
      let pairs = joined.filter { $0.source == place }
      guard case .count(let count) = file.source.amount else { return pairs }
      return pairs.sample(count, seed: seed, source: place)
    }
    var split = (training: all, heldOut: [TokenizedPair]())
    if let heldOut {
      do {
        split = try all.splitByPrompt(heldOut, seed: seed)
      } catch {
        throw Failure(.badData, "\(error)")
      }
    }
    pairs = split.training
    self.heldOut = split.heldOut
    var sizes = [Int](repeating: 0, count: files.count)
    for pair in split.training { sizes[pair.source] += 1 }
    if let empty = sizes.firstIndex(of: 0) {
      throw Failure(
        .badData, "--eval-split leaves nothing of \(files[empty].source.path) to learn from. Hold out fewer pairs.")
    }
    mixture = PairMixture(
      sizes: sizes,
      amounts: zip(files, sizes).map { file, size in
        // What a sample has lost to the held-out pairs is not made up for.
        if case .count(let count) = file.source.amount, count <= file.prepared.statistics.usablePairs {
          .count(size)
        } else {
          file.source.amount
        }
      }, strategy: strategy)
  }

  private static func requireUsable(_ file: (source: PairSource, prepared: PreparedPairs), ofSeveral: Bool) throws {
    do {
      _ = try file.prepared.usable()
    } catch  where ofSeveral {
      throw Failure(.badData, "\(file.source.path): \(error)")
    }
  }

  /// A least margin that no pair has a score for would be ignored without a word.
  private static func requireScores(_ files: [(source: PairSource, prepared: PreparedPairs)]) throws {
    guard files[0].prepared.tokenized.options.minimumMargin != nil,
      files.allSatisfy({ $0.prepared.statistics.scoredPairs == 0 })
    else { return }
    let names = files.map(\.source.path).joined(separator: ", ")
    throw Failure(
      .badData,
      "--min-margin: no pair of \(names) has scores. Expected numbers under score_chosen and score_rejected, chosen_rating and "
        + "rejected_rating, margin or the like; other keys are named with --columns score_chosen=…,score_rejected=….")
  }

  /// How many pairs were read.
  var pairsRead: Int { files.reduce(0) { $0 + $1.prepared.statistics.pairs } }
  /// From how many sides tokens were cut off.
  var truncatedSides: Int { files.reduce(0) { $0 + $1.prepared.statistics.truncatedSides } }
  /// How many pairs were left out for each reason.
  var dropped: [DropReason: Int] {
    files.reduce(into: [:]) { $0.merge($1.prepared.statistics.dropped, uniquingKeysWith: +) }
  }

  /// What is learned from and what is held out, where that is not simply a whole file.
  var summary: Phrase? {
    var lines: [Phrase] = []
    if files.count > 1 || !mixture.isPlain || pairs.count + heldOut.count < usablePairs {
      lines.append(
        Phrase(
          en: "an epoch takes \(HumanText.counted(mixture.count, noun)):",
          zh: "每轮取 \(HumanText.grouped(mixture.count)) \(unit)："))
      for (file, part) in zip(files, mixture.parts) {
        let (drawn, path) = (HumanText.grouped(part.drawn), file.source.path)
        let share = HumanText.percent(Double(part.drawn) / Double(mixture.count))
        lines.append(
          Phrase(
            en: "  \(drawn) (\(share)) of \(HumanText.counted(part.size, noun)) from \(path)",
            zh: "  从 \(path) 的 \(HumanText.grouped(part.size)) \(unit)中取 \(drawn)（\(share)）") + repetition(of: part))
      }
    }
    if !heldOut.isEmpty {
      let prompts = Set(heldOut.map(\.promptKey)).count
      lines.append(
        Phrase(
          en:
            "held out: \(HumanText.counted(heldOut.count, noun)) with \(HumanText.counted(prompts, "prompt")) that no \(noun) "
            + "to learn from has",
          zh: "留出数据：\(HumanText.grouped(heldOut.count)) \(unit)，共 \(HumanText.grouped(prompts)) 个提示，都不在训练数据中"))
    }
    guard let first = lines.first else { return nil }
    return lines.dropFirst().reduce(first) { $0 + Phrase("\n") + $1 }
  }

  private var noun: String { files[0].prepared.tokenized.options.examples.noun }
  private var unit: String { TrainingWords.unit(files[0].prepared.tokenized.options.examples) }
  private var usablePairs: Int { files.reduce(0) { $0 + $1.prepared.statistics.usablePairs } }

  private func repetition(of part: PairMixture.Part) -> Phrase {
    if part.drawn > part.size {
      let times = HumanText.fixed(Double(part.drawn) / Double(part.size), 1)
      return Phrase(en: ", each \(times) times on average", zh: "，平均每个 \(times) 次")
    }
    return part.drawn < part.size ? Phrase(en: ", others each epoch", zh: "，每轮不同") : Phrase("")
  }
}
