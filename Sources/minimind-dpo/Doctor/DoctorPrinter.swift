import Foundation
import Observability
import OrderedJSON

/// Shows what `doctor` finds: section by section as it is found, or as one JSON object at the end.
final class DoctorPrinter {
  private let asJSON: Bool
  private let isQuiet: Bool
  private let usesColor: Bool
  private let width: Int
  private var report: DoctorReport

  /// - Parameters:
  ///   - isQuiet: whether another process of this host prints
  ///   - isOfRun: whether a run is examined, and not this machine
  init(asJSON: Bool, isQuiet: Bool, isOfRun: Bool = false) {
    report = DoctorReport(isOfRun: isOfRun)
    (self.asJSON, self.isQuiet) = (asJSON, isQuiet)
    let terminal = Console(descriptor: STDOUT_FILENO)
    usesColor = terminal.usesColor
    // Longer lines are hard to follow; where nothing breaks lines, they are still for people.
    width = terminal.isInteractive ? min(110, max(50, terminal.width)) : 110
  }

  /// The worst that was found.
  var verdict: Verdict { report.verdict }

  func begin() {
    let host = SystemInfo().hostName
    line(
      Phrase(
        en: "\(Version.text) on \(host): is this machine ready to train?\n",
        zh: "\(Version.text)，主机 \(host)：这台机器能训练吗？\n"
      ).text)
  }

  func show(_ title: Phrase, _ findings: [Finding]) {
    let section = DoctorReport.Section(title, findings)
    report.add(section)
    if !findings.isEmpty { line(section.lines(width: width, usesColor: usesColor) + "\n") }
  }

  func end() {
    if asJSON, !isQuiet {
      Output.line(report.json(host: SystemInfo().hostName).serialized(.pretty))
    } else {
      line(report.summary.text)
    }
  }

  private func line(_ text: String) {
    if !asJSON, !isQuiet { Output.line(text) }
  }
}
