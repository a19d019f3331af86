import Foundation
import Launcher
import Testing

@Suite("What workers write")
struct OutputTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func launch(_ options: String, _ script: String) async throws -> LauncherProgram.Outcome {
    let worker = try workspace.script(script)
    return try await LauncherProgram.run(
      options.split(separator: " ").map(String.init) + ["--no-python", "sh", worker], in: workspace)
  }

  private static let both = "echo out$RANK; echo err$RANK >&2"

  @Test("By default both streams pass as they are")
  func plain() async throws {
    let outcome = try await launch("--nproc-per-node 2", Self.both + "; printf unfinished$RANK")
    #expect(outcome.code == 0)
    #expect(outcome.lines.filter { $0.hasPrefix("out") }.sorted() == ["out0", "out1"])
    #expect(outcome.output.contains("unfinished0") && outcome.output.contains("unfinished1"))
    #expect(outcome.messages.contains("err0\n") && outcome.messages.contains("err1\n"))
  }

  @Test("A single worker's bytes pass unchanged, a last line without an end too")
  func bytes() async throws {
    let outcome = try await launch("", "printf 'a\\r\\n\\tb\\000c\\n\\nd'")
    #expect(outcome.output == "a\r\n\tb\0c\n\nd")
  }

  @Test("Teed lines have a prefix and go to files, in torchrun's folders")
  func tee() async throws {
    let outcome = try await launch("--nproc-per-node 2 -t 3 --log-dir logs --rdzv-id job", Self.both + "; printf end")
    #expect(
      Set(outcome.lines.flatMap { $0.components(separatedBy: "end") }).isSuperset(of: [
        "[default0]:out0", "[default1]:out1",
      ]))
    #expect(outcome.messages.contains("[default0]:err0\n") && outcome.messages.contains("[default1]:err1\n"))
    let job = try #require(workspace.names(in: "logs").first)
    #expect(job.hasPrefix("job_") && workspace.names(in: "logs").count == 1)
    #expect(workspace.names(in: "logs/\(job)/attempt_0") == ["0", "1"])
    #expect(workspace.names(in: "logs/\(job)/attempt_0/1") == ["stderr.log", "stdout.log"])
    #expect(workspace.text("logs/\(job)/attempt_0/1/stdout.log") == "out1\nend")
    #expect(workspace.text("logs/\(job)/attempt_0/0/stderr.log") == "err0\n")
  }

  @Test("Redirected streams go to files only; the summary still has the last lines and names the file")
  func redirect() async throws {
    let outcome = try await launch(
      "--nproc-per-node 2 -r 0:3,1:2 --log-dir logs", Self.both + "; [ $RANK = 0 ] && { sleep 0.5; exit 3; }; exit 0")
    #expect(outcome.code == 3)
    #expect(outcome.lines == ["out1"])
    #expect(!outcome.messages.contains("\nerr1"))
    #expect(outcome.messages.contains("    | err0") && outcome.messages.contains("    | out0"))
    #expect(outcome.messages.contains(#/log: .*/attempt_0/0/stdout\.log \(on /#))
  }

  @Test("Only the chosen local ranks are shown, and all are kept in files")
  func filter() async throws {
    let outcome = try await launch("--nproc-per-node 3 -t 1:1 --local-ranks-filter 0 --log-dir logs", Self.both)
    #expect(outcome.lines == ["out0"])
    #expect(outcome.messages.contains("err0\n") && !outcome.messages.contains("err2"))
    let job = try #require(workspace.names(in: "logs").first)
    #expect(workspace.text("logs/\(job)/attempt_0/1/stdout.log") == "out1\n")
  }

  @Test("Each attempt has its own folder")
  func attempts() async throws {
    _ = try await launch("-r 1 --log-dir logs --max-restarts 1", "echo $TORCHELASTIC_RESTART_COUNT; exit 1")
    let job = try #require(workspace.names(in: "logs").first)
    #expect(workspace.text("logs/\(job)/attempt_1/0/stdout.log") == "1\n")
  }

  @Test("Lines of several workers stay whole, though they are written in pieces")
  func wholeLines() async throws {
    let outcome = try await launch(
      "--nproc-per-node 4",
      """
      i=0; while [ $i -lt 200 ]; do printf "<$RANK $i "; printf '%0300d' 7; printf ">\\n"; i=$((i+1)); done
      """)
    #expect(outcome.lines.count == 800)
    #expect(outcome.lines.allSatisfy { $0.wholeMatch(of: /<\d \d+ 0*7>/) != nil })
    for rank in 0..<4 {
      let own = outcome.lines.filter { $0.hasPrefix("<\(rank) ") }.compactMap { Int($0.split(separator: " ")[1]) }
      #expect(own == Array(0..<200))
    }
  }

  @Test("A begun line is shown soon, not only when it ends")
  func begunLines() async throws {
    let worker = try workspace.script("printf 'name? '; while [ ! -e $HERE/seen ]; do sleep 0.02; done; echo done")
    // The launcher's output goes to a file here, so that it can be looked at while it runs.
    let shell = try workspace.script(
      "exec '\(LauncherProgram.executable)' --nproc-per-node 2 --no-python sh \(worker) > $HERE/shown", named: "shell")
    let workspace = workspace
    let outcome = try await LauncherProgram.run(["--no-python", "sh", shell], in: workspace) { running in
      try await running.wait { workspace.text("shown")?.contains("name? ") == true }
      try Data().write(to: URL(fileURLWithPath: workspace.path + "/seen"))
    }
    #expect(outcome.code == 0)
    #expect(workspace.text("shown")?.components(separatedBy: "done").count == 3)
  }

  @Test("A reader that goes away does not stop the workers")
  func brokenPipe() async throws {
    let worker = try workspace.script("for i in $(seq 2000); do echo line $i; done; echo finished > $HERE/finished")
    let shell = try workspace.script(
      "'\(LauncherProgram.executable)' --no-python sh \(worker) | head -n 1; exit 0", named: "shell")
    let outcome = try await LauncherProgram.run(["--no-python", "sh", shell], in: workspace)
    #expect(outcome.code == 0)
    #expect(workspace.text("finished") == "finished\n")
  }

  @Test("While no one reads the output, the workers are still watched, and a signal stops them")
  func stalledReader() async throws {
    let worker = try workspace.script(
      """
      echo $MINIMIND_DPO_LAUNCHER_PID > $HERE/launcher; echo $$ > $HERE/pid
      while :; do echo 0123456789012345678901234567890123456789; done
      """)
    let shell = try workspace.script(
      """
      '\(LauncherProgram.executable)' --shutdown-timeout 2 --no-python sh \(worker) | { until [ -s $HERE/pid ]; do sleep 0.05; done; sleep 1; kill -TERM $(cat $HERE/launcher); \\
      while kill -0 $(cat $HERE/pid) 2> /dev/null; do sleep 0.05; done; echo gone > $HERE/gone; }
      """, named: "shell")
    let outcome = try await LauncherProgram.run(["--no-python", "sh", shell], in: workspace, timeout: .seconds(300))
    #expect(outcome.code == 0)
    #expect(workspace.text("gone") == "gone\n")
  }
}
