import Foundation
import Observability
import OrderedJSON
import Preferences

/// `data.json` of a run: what its data held, what was left out and why, and what the linter found, for the report. Texts are
/// in both languages.
enum DataRecord {
  static let fileName = "data.json"

  static func json(of data: TrainingData, heldOut: Int) -> JSON {
    let reasons = data.dropped.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
    return [
      "files": .array(data.files.map { .string($0.source.path) }),
      "pairs": .integer(data.pairsRead), "usable": .integer(data.pairs.count), "held_out": .integer(heldOut),
      "dropped": .array(
        reasons.filter { $0.value > 0 }.map { reason, count in
          [
            "reason": reason.phrase.json, "count": .integer(count), "advice": reason.advice?.json ?? .null,
          ]
        }),
      "truncated": .integer(data.truncatedSides),
      "findings": .array(data.files.flatMap { file in file.prepared.lint.findings.map(json) }),
    ]
  }

  private static func json(of finding: LintFinding) -> JSON {
    let check = LintCheck.named(finding.check)
    return [
      "check": .string(finding.check), "severity": .string(finding.severity.rawValue),
      "title": check.map { LintWords.title($0).json } ?? .string(finding.check),
      "advice": check.map { LintWords.advice($0).json } ?? "",
      "count": .integer(finding.count), "total": .integer(finding.total),
      "examples": .array(finding.examples.map { ["line": .integer($0.line), "note": .string($0.note)] }),
    ]
  }
}
