import Files
import Foundation
import OrderedJSON

/// `report.html`: plots and tables of one run, or of several laid over each other. One file that fetches nothing, so that it
/// can be mailed, archived and opened anywhere: the model as data (``ReportModel``), and a script and a style sheet that show
/// it.
public struct HTMLReport: Sendable {
  private let model: ReportModel
  /// Whether the page asks the server that it comes from for what is new.
  private var isLive = false

  /// A report of the runs given, in their order.
  public init(_ runs: [ReportRun]) { self.init(ReportModel(runs)) }

  init(_ model: ReportModel) { self.model = model }

  /// Writes the page, aside and renamed, so that a browser never loads half of it.
  public func write(to file: URL) throws(ReportError) {
    do {
      try writeAtomically(html.utf8, to: file)
    } catch {
      throw ReportError(file: file.path, reason: error.problem)
    }
  }

  /// The page, in the language of this process's messages; the reader can change it.
  public var html: String {
    let language = MessageLanguage.current
    return """
      <!DOCTYPE html>
      <html lang="\(language.rawValue)">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="\(policy)">
      <title>\(HTML.escape(model.title[language]))</title>
      <style>
      \(PageStyle.css)
      </style>
      </head>
      <body>
      <main id="page">
      <noscript>
      \(withoutScript(in: language))
      </noscript>
      </main>
      <script type="application/json" id="model">\(data)</script>
      <script>
      \(PageScript.text(isLive: isLive))
      </script>
      </body>
      </html>

      """
  }

  /// The page of a server that is asked for everything that it shows, and then for what is new: `events` is a stream of
  /// updates of the model (``ReportModel``), and `stop` takes the wish to stop a run.
  public static var livePage: String {
    var page = HTMLReport(ReportModel([], heading: Phrase(en: "Runs", zh: "训练")))
    page.isLive = true
    return page.html
  }

  /// Nothing may be fetched, whatever texts from files might hold; a page that follows runs asks its own server.
  private var policy: String {
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
      + (isLive ? "; connect-src 'self'" : "")
  }

  /// The model, so that no text in it can end its element.
  private var data: String {
    var json = model.json().object ?? [:]
    if isLive { json["live"] = .bool(true) }
    return JSON.object(json).serialized().replacingOccurrences(of: "<", with: "\\u003c")
  }

  /// The gist for readers whose browser runs no scripts.
  private func withoutScript(in language: MessageLanguage) -> String {
    let runs = zip(model.runs, model.names).map { run, name in
      let facts = RunFacts(run)
      let words = [
        Phrase(facts.verdict["words"]), Phrase(facts.verdict["sentences"]),
        facts.remarks.joinedSentences,
      ].compactMap { $0?[language] }.filter { !$0.isEmpty }
      let figures = facts.figures.map { figure in
        "\(Phrase(figure["label"])?[language] ?? "") \(Phrase(figure["value"])?[language] ?? "")"
      }
      return """
        <h2>\(HTML.escape(name)): \(HTML.escape(run.state.word[language]))</h2>
        <p>\(words.map(HTML.escape).joined(separator: "<br>"))</p>
        <p>\(HTML.escape(figures.joined(separator: "; ")))</p>
        """
    }
    return
      (["<h1>\(HTML.escape(model.title[language]))</h1>"] + runs + [
        "<p>\(HTML.escape(ReportWords.all["noScript"]?[language] ?? ""))</p>"
      ]).joined(separator: "\n")
  }
}

/// A report could not be written.
public struct ReportError: Error, Hashable, CustomStringConvertible {
  /// Which file.
  public let file: String
  /// What the system says.
  public let reason: String

  /// What happened, and what to do.
  public var description: String {
    "cannot write the report to \(file): \(reason). Check the free space and the permissions of the folder."
  }
}
