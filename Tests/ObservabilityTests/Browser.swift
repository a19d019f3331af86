import Foundation
import OrderedJSON
import Testing

/// Chromium, where it is installed: opens a page without a window, lets a script of the test use it, and hands back what that
/// wrote.
enum Browser {
  /// Where it is; nil where there is none.
  static let program: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    return folders.flatMap { folder in ["chromium", "chromium-browser"].map { "\(folder)/\($0)" } }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()

  /// Why tests that need it are skipped.
  static let absence: Comment =
    "Chromium is not installed (Debian: apt-get install chromium), so the page is not clicked through"

  /// Opens a page of some width and runs a function body in it, which returns something that JSON can express.
  static func use(_ html: String, width: Int = 1280, script: String) throws -> JSON {
    let chromium = try #require(program)
    return try withTemporaryFolder { folder in
      let appended = """
        <script>
        window.addEventListener("load", () => {
          let found;
          try { found = (() => { \(script) })(); } catch (error) { found = { error: String(error) }; }
          const place = document.createElement("pre");
          place.id = "found";
          place.textContent = "BEGIN" + btoa(unescape(encodeURIComponent(JSON.stringify(found)))) + "END";
          document.body.append(place);
        });
        </script>
        </body>
        """
      let page = folder.appending(path: "page.html")
      try html.replacing("</body>", with: appended).write(to: page, atomically: true, encoding: .utf8)
      let output = folder.appending(path: "dom.html")
      try Data().write(to: output)
      let process = Process()
      process.executableURL = URL(filePath: chromium)
      process.arguments = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--lang=en",
        "--user-data-dir=\(folder.path)/profile", "--window-size=\(width),900", "--virtual-time-budget=3000",
        "--dump-dom", page.absoluteString,
      ]
      process.standardOutput = try FileHandle(forWritingTo: output)
      process.standardError = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      let dom = try String(contentsOf: output, encoding: .utf8)
      let match = try #require(
        dom.firstMatch(of: /BEGIN([A-Za-z0-9+\/=]+)END<\/pre>/), "the page's script did not end: \(dom.suffix(500))")
      return try JSON(parsing: try #require(Data(base64Encoded: String(match.output.1))))
    }
  }
}
