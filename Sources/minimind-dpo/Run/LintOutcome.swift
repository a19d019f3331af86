import Foundation
import Logging
import Observability
import Preferences

extension LinterArguments {
  /// Writes the clean copy that was asked for.
  func writeCopy(of prepared: PreparedPairs, report: LintReport, path: String) throws {
    if let writeClean { try write(prepared, without: report.removablePairs, from: path, to: writeClean) }
  }

  /// Refuses files that have problems, where that was asked for.
  func refuse(_ reports: [(path: String, report: LintReport)]) throws {
    guard strict else { return }
    let refusals = reports.compactMap { path, report -> String? in
      let problems = report.findings(.problem)
      if problems.isEmpty { return nil }
      return "\(path): --strict: \(HumanText.counted(problems.count, "problem")) in "
        + "\(HumanText.counted(report.removablePairs.count, "pair")): \(problems.map(\.check).joined(separator: ", "))."
    }
    if refusals.isEmpty { return }
    let advice = writeClean == nil ? ["--write-clean FILE writes the other pairs of a file."] : []
    throw Failure(.badData, (refusals + advice).joined(separator: "\n"))
  }

  private func write(_ prepared: PreparedPairs, without removed: [Int], from path: String, to output: String) throws {
    let (source, destination) = (URL(fileURLWithPath: path), URL(fileURLWithPath: output))
    guard !isSameFile(source, destination) else {
      throw Failure(.usage, "--write-clean \(output): this is the file that is read; name another.")
    }
    let copy = try CleanCopy(of: source, pairs: prepared.tokenized.pairs, without: Set(removed))
    guard copy.count > 0 else {
      throw Failure(.badData, "--write-clean \(output): no pair would be left; nothing was written.")
    }
    try copy.write(to: destination)
    Logger(label: "data").notice(
      Phrase(
        en: "wrote \(output): \(HumanText.counted(copy.count, "pair")), \(HumanText.grouped(removed.count)) left out",
        zh: "已写入 \(output)：\(HumanText.grouped(copy.count)) 个偏好对，去掉了 \(HumanText.grouped(removed.count)) 个"))
  }

  private func isSameFile(_ one: URL, _ other: URL) -> Bool {
    func identity(_ file: URL) -> [UInt64]? {
      var status = stat()
      return stat(file.path, &status) == 0 ? [UInt64(status.st_dev), UInt64(status.st_ino)] : nil
    }
    return identity(one).map { $0 == identity(other) } ?? false
  }
}
