import Foundation
import Observability
import OrderedJSON

/// Everything that `doctor` found, in the order of the checks.
package struct DoctorReport: Sendable {
  /// Findings that belong together.
  package struct Section: Sendable {
    /// What they are about.
    package let title: Phrase
    package let findings: [Finding]

    package init(_ title: Phrase, _ findings: [Finding]) {
      (self.title, self.findings) = (title, findings)
    }

    /// The section as lines, in the language of this process's messages.
    package func lines(width: Int, usesColor: Bool) -> String {
      ([usesColor ? "\u{1B}[1m\(title.text)\u{1B}[0m" : title.text]
        + findings.map { $0.lines(width: width, usesColor: usesColor) }).joined(separator: "\n")
    }
  }

  package private(set) var sections: [Section] = []

  /// Whether it is about a run, and not about the machine.
  private let isOfRun: Bool

  package init(isOfRun: Bool = false) { self.isOfRun = isOfRun }

  /// Adds a section, unless nothing was found.
  package mutating func add(_ section: Section) {
    if !section.findings.isEmpty { sections.append(section) }
  }

  private var findings: [Finding] { sections.flatMap(\.findings) }

  /// The worst of all verdicts.
  package var verdict: Verdict { findings.map(\.verdict).max() ?? .ok }

  /// The last line.
  package var summary: Phrase {
    func count(_ verdict: Verdict) -> Phrase? {
      let count = findings.filter { $0.verdict == verdict }.count
      return count == 0
        ? nil : Phrase(en: HumanText.counted(count, verdict.rawValue), zh: "\(count) 个\(verdict.word.zh)")
    }
    let (problems, warnings) = (count(.problem), count(.warning))
    switch verdict {
    case .ok: return Phrase(en: "All is well.", zh: "一切正常。")
    case .warning where !isOfRun:
      let all = warnings ?? Phrase("")
      return Phrase(en: "Ready to train, with \(all.en).", zh: "可以训练，有 \(all.zh)。")
    case .warning, .problem:
      let all = [problems, warnings].compactMap(\.self)
      return Phrase(
        en: "\(all.map(\.en).joined(separator: " and ")): the arrows say what to do.",
        zh: "\(all.map(\.zh).joined(separator: "，"))：箭头后面是处理办法。")
    }
  }

  /// The report as an object.
  ///
  /// - Parameter host: the machine's name
  package func json(host: String) -> JSON {
    [
      "program": .string(Version.number), "host": .string(host), "verdict": .string(verdict.rawValue),
      "problems": .integer(findings.filter { $0.verdict == .problem }.count),
      "warnings": .integer(findings.filter { $0.verdict == .warning }.count),
      "findings": .array(
        sections.flatMap { section in
          section.findings.map { finding in
            guard case .object(var object) = finding.json else { return finding.json }
            object["section"] = .string(section.title.en)
            return .object(object)
          }
        }),
    ]
  }
}
