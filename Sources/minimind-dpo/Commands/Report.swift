import ArgumentParser
import Foundation
import Observability

/// `report`: an HTML page with the plots of one or several runs.
struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes an HTML page with the plots of one or several runs, for a browser and for sharing.")

  @Argument(help: ArgumentHelp("The output folders of runs; several are compared.", valueName: "run"))
  var runs: [String]
  @Option(help: ArgumentHelp("The page to write.", valueName: "file"))
  var output = "report.html"
  @OptionGroup var config: ConfigArguments

  func validate() throws {
    guard !runs.isEmpty else { throw ValidationError("Name the output folder of at least one run.") }
  }

  func run() throws {
    Output.holds(.remarks)
    let page = HTMLReport(try runs.map { try ReportRun(folder: URL(fileURLWithPath: $0, isDirectory: true)) })
    try page.write(to: URL(fileURLWithPath: output))
    Output.line(output)
  }
}
