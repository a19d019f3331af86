import Foundation
import OrderedJSON

/// Everything that `doctor` found, in the order of the checks.
package struct DoctorReport: Sendable {
  /// Findings that belong together.
  package struct Section: Sendable {
    /// What they are about.
    package let title: String
    package let findings: [Finding]

    package init(_ title: String, _ findings: [Finding]) {
      (self.title, self.findings) = (title, findings)
    }

    /// The section as lines.
    package func lines(width: Int, usesColor: Bool) -> String {
      ([usesColor ? "\u{1B}[1m\(title)\u{1B}[0m" : title]
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
  package var summary: String {
    func count(_ verdict: Verdict) -> String? {
      let count = findings.filter { $0.verdict == verdict }.count
      return count == 0 ? nil : "\(count) \(verdict.rawValue)\(count == 1 ? "" : "s")"
    }
    switch verdict {
    case .ok: return "All is well."
    case .warning where !isOfRun: return "Ready to train, with \(count(.warning) ?? "warnings")."
    case .warning, .problem:
      let counts = [count(.problem), count(.warning)].compactMap(\.self).joined(separator: " and ")
      return "\(counts): the arrows say what to do."
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
            object["section"] = .string(section.title)
            return .object(object)
          }
        }),
    ]
  }
}
