import Dashboard
import Files
import Foundation
import Observability
import OrderedJSON
import ProgramSupport
import Synchronization
import Testing
import Web

/// Watches the page in a real browser while runs change under it.
@Suite("The dashboard in a browser", .enabled(if: LiveBrowser.program != nil, LiveBrowser.absence), .serialized)
struct LivePageTests {
  /// A dashboard of a folder, open in a browser.
  private func withPage<Result: Sendable>(
    of folder: URL, signal: @escaping @Sendable (Int32) -> Int32 = { _ in 0 },
    _ body: @escaping @Sendable (LiveBrowser) async throws -> Result
  ) async throws -> Result {
    let watch = RunWatch(folder, pause: .milliseconds(50))
    let dashboard = Dashboard(watch, stoppingWith: signal)
    watch.start()
    defer { watch.end() }
    return try await withServer(routes: { dashboard.add(to: $0) }) { server in
      let browser = try await LiveBrowser()
      try await browser.show(server.url)
      try await browser.wait(until: "document.querySelector('.connection.connected')")
      return try await body(browser)
    }
  }

  private func held(_ folder: URL) throws -> FolderLock {
    guard case .taken(let lock) = try FolderLock.take(folder, waiting: { _ in }) else { throw ServerIsGone() }
    return lock
  }

  /// The processes that were asked to stop.
  private final class Signals: Sendable {
    private let processes = Mutex<[Int32]>([])
    var all: [Int32] { processes.withLock(\.self) }
    func add(_ process: Int32) { processes.withLock { $0.append(process) } }
  }

  private static let lastStep = "report.model.runs[0]?.series.loss?.x.at(-1)"

  @Test("New steps appear without a reload, and what the reader chose and opened stays")
  func grows() async throws {
    try await withFolder { folder in
      let run = try RunFixture(in: folder, "a")
      let lock = try held(run.location)
      defer { lock.release() }
      try run.append(steps: 1...20)
      try await withPage(of: folder) { browser in
        try await browser.wait(until: "\(Self.lastStep) === 20")
        try await browser.wait(until: "document.querySelector('#chart-loss svg path')")
        #expect(try await browser.evaluate("document.querySelector('.state').textContent") == "running")
        _ = try await browser.evaluate(
          """
          document.querySelector("#settings").open = true;
          document.querySelector("#chart-loss .canvas").focus();
          window.before = document.querySelector("#chart-loss .canvas");
          report.state.zoom = [5, 15];
          """)
        try run.append(steps: 21...60)
        try await browser.wait(until: "\(Self.lastStep) === 60")
        try await browser.wait(until: "document.querySelector('progress').value === 60")
        let kept = try await browser.evaluate(
          """
          ({ open: document.querySelector("#settings").open, same: window.before === document.querySelector("#chart-loss .canvas"),
            focus: document.activeElement === window.before, zoom: report.state.zoom })
          """)
        #expect(kept == ["open": true, "same": true, "focus": true, "zoom": [5, 15]])
        try run.finish(steps: 60)
        lock.release()
        try await browser.wait(until: "document.querySelector('.state').textContent === 'finished'")
        #expect(try await browser.evaluate("document.querySelector('progress')") == .null)
      }
    }
  }

  @Test("Runs that begin, begin again in either way, are killed and are deleted are followed")
  func restarts() async throws {
    try await withFolder { folder in
      try await withPage(of: folder) { browser in
        #expect(try await browser.evaluate("document.querySelectorAll('.run').length") == 0)
        let run = try RunFixture(in: folder, "a")
        try run.append(steps: 1...50)
        try await browser.wait(until: "\(Self.lastStep) === 50")
        for (inPlace, steps) in [(true, 3), (false, 4), (true, 70)] {
          try run.restart(inPlace: inPlace)
          try run.append(steps: 1...steps)
          try await browser.wait(
            until: "report.model.runs[0].series.loss.x.length === \(steps) && \(Self.lastStep) === \(steps)")
        }
        // The last line is torn, and then whole.
        let line = RunFixture.line(step: 71)
        try run.append(String(line.prefix(40)))
        try await Task.sleep(for: .milliseconds(200))
        #expect(try await browser.evaluate(Self.lastStep) == 70)
        try run.append(String(line.dropFirst(40)))
        try await browser.wait(until: "\(Self.lastStep) === 71")
        // Nobody works on it: it was killed.
        try await browser.wait(until: "document.querySelector('.state').textContent === 'killed'")
        let second = try RunFixture(in: folder, "trials/b")
        try second.append(steps: 1...5)
        try await browser.wait(until: "document.querySelectorAll('#comparison tbody tr').length === 2")
        #expect(try await browser.evaluate("report.model.runs.map(run => run.name)") == ["a", "trials/b"])
        try FileManager.default.removeItem(at: run.location)
        try await browser.wait(until: "report.model.runs.map(run => run.name).join() === 'trials/b'")
        try await browser.wait(until: "!document.querySelector('#comparison')")
      }
    }
  }

  @Test("What the ranks do is shown, and whom they wait for")
  func ranks() async throws {
    try await withFolder { folder in
      let run = try RunFixture(in: folder, "a")
      let lock = try held(run.location)
      defer { lock.release() }
      try run.append(steps: 1...5)
      try run.write(
        RunActivity(ranks: [
          .init(rank: 0, phase: "exchanging gradients", step: 6, seconds: 12),
          .init(rank: 1, phase: "computing", step: 6, seconds: 12.5),
        ]))
      try await withPage(of: folder) { browser in
        try await browser.wait(until: "document.querySelectorAll('#ranks tbody tr').length === 2")
        let rows = try await browser.evaluate(
          "[...document.querySelectorAll('#ranks tbody tr')].map(row => row.innerText.trim())")
        #expect(rows[0]?.string?.contains("waits for rank 1 (computing), 12 s so far") == true)
        #expect(rows[0]?.string?.contains("50.0 %") == true)
        #expect(rows[1]?.string?.contains("computing") == true)
        _ = try await browser.evaluate("document.querySelector('[data-language=zh]').click()")
        try await browser.wait(until: "document.querySelector('#ranks').innerText.includes('等待 rank 1（计算中）')")
        try run.write(
          RunActivity(ranks: [
            .init(rank: 0, phase: "computing", step: 7, seconds: 0),
            .init(rank: 1, phase: "computing", step: 6, seconds: 20, silence: 20),
          ]))
        try await browser.wait(until: "document.querySelector('#ranks .tone-bad')?.innerText.includes('没有消息')")
      }
    }
  }

  @Test("The button stops a run when it is pressed twice, once for all browsers, and says why it does not")
  func stopping() async throws {
    let signals = Signals()
    try await withFolder { folder in
      let run = try RunFixture(in: folder, "a")
      let lock = try held(run.location)
      defer { lock.release() }
      try run.append(steps: 1...5)
      try await withPage(
        of: folder,
        signal: { process in
          signals.add(process)
          return 0
        }
      ) { browser in
        try await browser.wait(until: "document.querySelector('[data-action=stop]')")
        _ = try await browser.evaluate("document.querySelector('[data-action=stop]').click()")
        try await browser.wait(until: "document.querySelector('[data-action=keep-on]')")
        _ = try await browser.evaluate("document.querySelector('[data-action=keep-on]').click()")
        try await browser.wait(until: "document.querySelector('[data-action=stop]')")
        #expect(signals.all.isEmpty)
        _ = try await browser.evaluate("document.querySelector('[data-action=stop]').click()")
        try await browser.wait(until: "document.querySelector('[data-action=stop-now]')")
        _ = try await browser.evaluate("document.querySelector('[data-action=stop-now]').click()")
        try await browser.wait(until: "document.querySelector('.stopping').innerText.includes('asked to stop')")
        #expect(signals.all == [getpid()])
        // A second request is refused: it would end the run at once.
        let again =
          "fetch('stop', { method: 'POST', body: JSON.stringify({ run: 'a' }) }).then(answer => answer.status)"
        #expect(try await browser.evaluate(again) == 409)
        #expect(signals.all.count == 1)
        lock.release()
        try await browser.wait(until: "!document.querySelector('.stopping')")
        #expect(try await browser.evaluate(again) == 409)
        #expect(try await browser.evaluate(again.replacing("'a'", with: "'nothing'")) == 409)
      }
    }
  }

  @Test("A million steps are shown in few points, and further ones still arrive")
  func million() async throws {
    try await withFolder { folder in
      let run = try RunFixture(in: folder, "long", totalSteps: 2_000_000)
      let lock = try held(run.location)
      defer { lock.release() }
      for start in stride(from: 0, to: 1_000_000, by: 20_000) {
        try run.append(
          (start + 1...start + 20_000).map { step in
            let loss = step == 777_777 ? 9.5 : 0.69 - Double(step % 1000) * 1e-4
            return
              "{\"step\":\(step),\"loss\":\(loss),\"rewards/margins\":\(Double(step) * 1e-6),\"time/elapsed\":\(step)}\n"
          }.joined())
      }
      try await withPage(of: folder) { browser in
        try await browser.wait(for: 300, until: "\(Self.lastStep) === 1000000")
        let seen = try await browser.evaluate(
          """
          (() => { const loss = report.model.runs[0].series.loss;
            return { few: loss.x.length <= 1000, first: loss.x[0], high: Math.max(...loss.high), points: document.querySelectorAll("#chart-loss path").length > 0 }; })()
          """)
        #expect(seen == ["few": true, "first": 1, "high": 9.5, "points": true])
        // What comes after that is told in few bytes.
        _ = try await browser.evaluate(
          "window.sizes = []; const parse = JSON.parse; JSON.parse = text => { sizes.push(text.length); return parse(text); }"
        )
        try run.append("{\"step\":1000001,\"loss\":0.5}\n")
        try await browser.wait(until: "\(Self.lastStep) === 1000001")
        #expect(try await browser.evaluate("report.model.runs[0].series.loss.y.at(-1)") == 0.5)
        let largest = try await browser.evaluate("Math.max(...sizes)")
        #expect((largest.int ?? .max) < 30_000)
      }
    }
  }

  @Test("A page that loses its server says so, and goes on when there is one again")
  func reconnecting() async throws {
    try await withFolder { folder in
      let run = try RunFixture(in: folder, "a")
      try run.append(steps: 1...5)
      let browser = try await LiveBrowser()
      func serve(at port: Int, _ body: @escaping @Sendable (String) async throws -> Void) async throws {
        let watch = RunWatch(folder, pause: .milliseconds(50))
        let dashboard = Dashboard(watch)
        watch.start()
        defer { watch.end() }
        let server = WebServer(ListeningAddress(port: port), routes: { dashboard.add(to: $0) })
        let (urls, found) = AsyncStream<String>.makeStream()
        let running = Task { try await server.run(endsAtSignals: false) { found.yield($0) } }
        var waiting = urls.makeAsyncIterator()
        let url = try #require(await waiting.next())
        try await body(url)
        running.cancel()
        try await running.value
      }
      let place = Mutex("")
      try await serve(at: 0) { url in
        place.withLock { $0 = url }
        try await browser.show(url)
        try await browser.wait(until: "\(Self.lastStep) === 5")
      }
      try await browser.wait(until: "document.querySelector('.connection.lost')")
      try run.append(steps: 6...9)
      let port = try #require(URL(string: place.withLock(\.self))?.port)
      try await serve(at: port) { _ in
        try await browser.wait(until: "document.querySelector('.connection.connected') && \(Self.lastStep) === 9")
        #expect(try await browser.evaluate("report.model.runs.length") == 1)
      }
    }
  }

  @Test("No page is wider than its screen", arguments: [390, 768, 1280])
  func widths(width: Int) async throws {
    try await withFolder { folder in
      let run = try RunFixture(in: folder, "a-rather-long-name-of-a-run-that-somebody-chose")
      let lock = try held(run.location)
      defer { lock.release() }
      try run.append(steps: 1...30)
      try run.write(
        RunActivity(ranks: (0..<2).map { .init(rank: $0, phase: "exchanging gradients", step: 6, seconds: 12) }))
      try await withPage(of: folder) { browser in
        try await browser.resize(width: width, height: 800)
        try await browser.wait(until: "document.querySelector('#ranks') && document.querySelector('#chart-loss svg')")
        let sizes = try await browser.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        #expect((sizes[0]?.int ?? .max) <= (sizes[1]?.int ?? 0))
      }
    }
  }
}
