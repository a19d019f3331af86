import ArgumentParser
import Dashboard
import Foundation
import Observability
import Web

/// `dashboard`: the report's page, which follows runs while they go on.
struct WatchRuns: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dashboard",
    abstract: "Shows runs in a browser while they go on.",
    discussion: """
      The page is that of `report`, and follows the files of the runs: their curves, how far they are, what each process does \
      and waits for, the GPUs. A button stops a run behind a checkpoint, as Ctrl-C does. Runs that begin, end, are killed, \
      start again or are deleted are followed; the runs need not know of it. Ctrl-C ends the server and no run.

      Runs on a machine elsewhere: ssh -L 8265:127.0.0.1:8265 HOST, start it there, and open http://127.0.0.1:8265 here.
      """)

  @Argument(
    help: ArgumentHelp("The output folder of a run or a sweep, or a folder that holds several.", valueName: "folder"))
  var folder = "."
  @OptionGroup var listening: ListeningArguments
  @OptionGroup var config: ConfigArguments

  /// Where no port is given.
  static let standardPort = 8265

  func run() throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
      throw Failure(
        .missingInput,
        "\(folder): there is no such folder. Name the --output-dir of a run, or a folder that holds several.")
    }
    let watch = RunWatch(URL(fileURLWithPath: folder, isDirectory: true))
    let dashboard = Dashboard(watch)
    let server = WebServer(
      listening.address(standardPort: Self.standardPort), token: listening.accessToken,
      routes: { dashboard.add(to: $0) })
    watch.start()
    defer { watch.end() }
    try server.serve { url in
      Output.line(url)
      Console.standardError.print(DashboardCommandWords.started.text)
    }
  }
}

/// What the command says.
private enum DashboardCommandWords {
  static let started = Phrase(
    en: "Open this address in a browser. Ctrl-C ends the dashboard; the runs go on.",
    zh: "请在浏览器中打开此地址。Ctrl-C 结束面板，训练不受影响。")
}
