import Foundation
import Launcher
import Subprocess
import Testing

@Suite("The launchers of several nodes")
struct NodesTests {
  let workspace: Workspace
  let port: Int

  init() throws {
    workspace = try Workspace()
    port = try freePort()
  }

  private var c10d: String { "--rdzv-backend c10d --rdzv-endpoint localhost:\(port) --rdzv-id job" }

  /// Starts a launcher for each line of options, on this machine, with the same worker.
  private func launch(
    _ options: [String], _ script: String, timeout: Duration = .seconds(300),
    meanwhile: @escaping @Sendable (Int, LauncherProgram.Running) async throws -> Void = { _, _ in }
  ) async throws -> [LauncherProgram.Outcome] {
    let worker = try workspace.script(script)
    let workspace = workspace
    return try await withThrowingTaskGroup(of: (Int, LauncherProgram.Outcome).self) { group in
      for (index, line) in options.enumerated() {
        group.addTask {
          let arguments = line.split(separator: " ").map(String.init) + ["--no-python", "sh", worker]
          return (
            index,
            try await LauncherProgram.run(arguments, in: workspace, timeout: timeout) { try await meanwhile(index, $0) }
          )
        }
      }
      return try await group.reduce(into: [Int: LauncherProgram.Outcome]()) { $0[$1.0] = $1.1 }
        .sorted { $0.key < $1.key }.map(\.value)
    }
  }

  private static let report =
    "echo \"$GROUP_RANK/$GROUP_WORLD_SIZE $LOCAL_RANK $RANK/$WORLD_SIZE $MASTER_ADDR:$MASTER_PORT $TORCHELASTIC_RESTART_COUNT\""

  @Test("Static: nodes by their numbers, ranks in their order")
  func staticNodes() async throws {
    let place = "--nnodes 2 --master-addr 127.0.0.1 --master-port \(port) --nproc-per-node 2"
    // Node 1 is first, and waits.
    let outcomes = try await launch(["\(place) --node-rank 1", "\(place) --node-rank 0"], Self.report)
    #expect(outcomes.map(\.code) == [0, 0], "\(outcomes.map(\.messages))")
    let at = "127.0.0.1:\(port)"
    #expect(outcomes[0].lines.sorted() == ["1/2 0 2/4 \(at) 0", "1/2 1 3/4 \(at) 0"])
    #expect(outcomes[1].lines.sorted() == ["0/2 0 0/4 \(at) 0", "0/2 1 1/4 \(at) 0"])
  }

  @Test("c10d: who owns the endpoint's address hosts, the others are numbered as they come")
  func c10dNodes() async throws {
    let outcomes = try await launch(Array(repeating: "\(c10d) --nnodes 3", count: 3), Self.report)
    #expect(outcomes.map(\.code) == [0, 0, 0], "\(outcomes.map(\.messages))")
    #expect(Set(outcomes.map(\.output)) == Set((0..<3).map { "\($0)/3 0 \($0)/3 localhost:\(port) 0\n" }))
  }

  @Test("Nodes that were started differently do not start, and all say the difference")
  func mismatch() async throws {
    let outcomes = try await launch(["\(c10d) --nnodes 2 --nproc 2", "\(c10d) --nnodes 2 --nproc 3"], "echo started")
    for outcome in outcomes {
      #expect(outcome.code == 64 && outcome.output.isEmpty, "\(outcome.messages)")
      #expect(outcome.messages.contains(/--nproc-per-node is [23] on node 0 \(host .+\) and [23] on node 1/))
    }
  }

  @Test("A number of a node that is taken names who has it")
  func sameNodeRank() async throws {
    let place = "--nnodes 3 --master-addr 127.0.0.1 --master-port \(port)"
    let outcomes = try await launch(
      ["\(place) --node-rank 0 --rdzv-conf timeout=3", "\(place) --node-rank 1", "\(place) --node-rank 1"],
      "echo started")
    #expect(
      outcomes.dropFirst().contains {
        $0.code == 64 && $0.messages.contains(/node rank 1 is taken by another launcher \(host .+, process \d+\)/)
      })
    #expect(outcomes[0].code == 69)
    #expect(
      outcomes[0].messages.contains(/not enough nodes within 3 s: 2 of 3 nodes are here \(.+\); missing: node 2/),
      "\(outcomes[0].messages)")
  }

  @Test("From MIN to MAX nodes: MAX start at once, fewer after the last call, and who comes later is told so")
  func elastic() async throws {
    let full = try await launch(Array(repeating: "\(c10d) --nnodes 1:2", count: 2), Self.report)
    #expect(Set(full.map(\.output)) == Set((0..<2).map { "\($0)/2 0 \($0)/2 localhost:\(port) 0\n" }))

    let workspace = workspace
    let few = "\(c10d) --nnodes 1:3 --rdzv-conf last_call_timeout=1"
    let late = try workspace.script("echo late", named: "late")
    let outcomes = try await launch(
      [few, few], Self.report + "; echo > $HERE/begun; while [ ! -e $HERE/end ]; do sleep 0.05; done"
    ) { index, running in
      guard index == 0 else { return }
      try await running.wait { workspace.text("begun") != nil }
      let outcome = try await LauncherProgram.run(
        few.split(separator: " ").map(String.init) + ["--no-python", "sh", late], in: workspace)
      #expect(outcome.code == 69 && outcome.output.isEmpty)
      #expect(outcome.messages.contains("too late: the job (--rdzv-id job) has already begun with 2 nodes"))
      try Data().write(to: URL(fileURLWithPath: workspace.path + "/end"))
    }
    #expect(outcomes.map(\.code) == [0, 0])
    #expect(Set(outcomes.map(\.output)) == Set((0..<2).map { "\($0)/2 0 \($0)/2 localhost:\(port) 0\n" }))
  }

  @Test("A failure on one node ends the job on all, and each names it with its last lines")
  func failure() async throws {
    let outcomes = try await launch(
      Array(repeating: "\(c10d) --nnodes 2 --nproc-per-node 2", count: 2),
      "[ $RANK = 3 ] && { sleep 1; echo the cause; exit 9; }; [ $RANK = 0 ] && { sleep 0.9; exit 69; }; sleep 50")
    for outcome in outcomes {
      #expect(outcome.code == 9, "\(outcome.messages)")
      let summary = outcome.messages.components(separatedBy: "launch: rank 3 failed first").last ?? ""
      #expect(summary.contains("    | the cause") && summary.contains("rank 0 on host"), "\(outcome.messages)")
      #expect(summary.contains("stopped because of it: ranks 1–2"))
    }
  }

  @Test("A failure on one node restarts all of them")
  func restart() async throws {
    let outcomes = try await launch(
      Array(repeating: "\(c10d) --nnodes 2 --max-restarts 2", count: 2),
      Self.report + "; [ $TORCHELASTIC_RESTART_COUNT = $RANK ] && { sleep 0.5; kill -KILL $$; }; "
        + "[ $TORCHELASTIC_RESTART_COUNT = 2 ] || sleep 50")
    #expect(outcomes.map(\.code) == [0, 0], "\(outcomes.map(\.messages))")
    for outcome in outcomes { #expect(outcome.lines.map { $0.last } == ["0", "1", "2"]) }
  }

  @Test("A signal to one launcher reaches the workers of all nodes, once")
  func signal() async throws {
    let workspace = workspace
    let outcomes = try await launch(
      Array(repeating: "\(c10d) --nnodes 2", count: 2),
      "trap 'echo got >> $HERE/signals$RANK; sleep 0.5; exit 75' TERM; echo > $HERE/ready$RANK; while :; do sleep 0.05; done"
    ) { index, launcher in
      guard index == 1 else { return }
      try await launcher.wait { workspace.text("ready0") != nil && workspace.text("ready1") != nil }
      launcher.send(SIGTERM)
    }
    #expect(outcomes.map(\.code) == [75, 75], "\(outcomes.map(\.messages))")
    #expect(workspace.text("signals0") == "got\n" && workspace.text("signals1") == "got\n")
  }

  @Test("When the launcher that hosts the store dies, the others stop with the cause", .timeLimit(.minutes(10)))
  func hostDies() async throws {
    let workspace = workspace
    let place = "--nnodes 2 --master-addr 127.0.0.1 --master-port \(port)"
    let outcomes = try await launch(
      ["\(place) --node-rank 0", "\(place) --node-rank 1"], "echo $$ > $HERE/worker$RANK; sleep 50"
    ) { index, launcher in
      guard index == 0 else { return }
      try await launcher.wait { !workspace.lines("worker0").isEmpty && !workspace.lines("worker1").isEmpty }
      launcher.send(SIGKILL)
    }
    #expect(outcomes[0].status == .signaled(SIGKILL))
    #expect(outcomes[1].code == 69)
    #expect(outcomes[1].messages.contains("lost node 0") && outcomes[1].messages.contains("its launcher has ended"))
    #expect(!isAlive(try #require(Int32(workspace.lines("worker1")[0]))))
  }

  @Test("When another launcher dies or hangs, its node is named", arguments: [SIGKILL, SIGSTOP])
  func memberDies(_ signal: Int32) async throws {
    let workspace = workspace
    let place = "--nnodes 2 --master-addr 127.0.0.1 --master-port \(port) --rdzv-conf keep_alive_interval=1"
    let outcomes = try await launch(
      ["\(place) --node-rank 0", "\(place) --node-rank 1"],
      "echo > $HERE/ready$RANK; trap 'exit 69' TERM; sleep 50 & wait"
    ) { index, launcher in
      try await launcher.wait { workspace.text("ready0") != nil && workspace.text("ready1") != nil }
      if index == 1 { launcher.send(signal) }
      if index == 1, signal == SIGSTOP {
        try await Task.sleep(for: .seconds(8))
        launcher.send(SIGKILL)
      }
    }
    #expect(outcomes[0].code == 69)
    #expect(
      outcomes[0].messages.contains(/node 1 \(host .+, process \d+\) was lost: no sign of its launcher for 3 s/),
      "\(outcomes[0].messages)")
  }

  @Test("A node that cannot start its workers says why on all nodes")
  func cannotStart() async throws {
    let workspace = workspace
    let place = "--nnodes 2 --master-addr 127.0.0.1 --master-port \(port)"
    let good = try workspace.script("sleep 50", named: "good")
    let bad = try await workspace.brokenProgram()
    async let first = LauncherProgram.run(
      "\(place) --node-rank 0 --no-python sh \(good)".split(separator: " ").map(String.init), in: workspace)
    async let second = LauncherProgram.run(
      "\(place) --node-rank 1 --no-python \(bad)".split(separator: " ").map(String.init), in: workspace)
    let outcomes = try await [first, second]
    #expect(outcomes.map(\.code) == [69, 66], "\(outcomes.map(\.messages))")
    #expect(outcomes[0].messages.contains("left: cannot start"))
  }

  @Test("Another job's port is told from this job's")
  func otherJob() async throws {
    let workspace = workspace
    let outcomes = try await launch(
      ["\(c10d) --nnodes 1:2 --rdzv-conf last_call_timeout=0"],
      "echo > $HERE/ready; while [ ! -e $HERE/end ]; do sleep 0.05; done"
    ) { _, running in
      try await running.wait { workspace.text("ready") != nil }
      let other = try await LauncherProgram.run(
        [
          "--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:\(port)", "--rdzv-id", "other",
          "--no-python",
          "/bin/true",
        ], in: workspace)
      #expect(other.code == 69)
      #expect(other.messages.contains("does not know --rdzv-id other"), "\(other.messages)")
      #expect(other.messages.contains("process \(running.process)"))
      try Data().write(to: URL(fileURLWithPath: workspace.path + "/end"))
    }
    #expect(outcomes.map(\.code) == [0])
  }

  @Test("A signal that comes while nodes are awaited ends the launcher")
  func signalWhileWaiting() async throws {
    let outcomes = try await launch(
      ["--nnodes 2 --node-rank 0 --master-addr 127.0.0.1 --master-port \(port)"], "echo started"
    ) { _, launcher in
      try await Task.sleep(for: .milliseconds(500))
      launcher.send(SIGTERM)
    }
    #expect(outcomes[0].code == 143 && outcomes[0].output.isEmpty)
    #expect(outcomes[0].messages.contains("stopped by SIGTERM"))
  }

  @Test("What listens at the endpoint and is no launcher is named")
  func noLauncher() async throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    try #require(boundPort(descriptor, UInt16(port)) == port && listen(descriptor, 8) == 0)
    for options in ["\(c10d) --nnodes 2", "--nnodes 2 --node-rank 0 --master-addr 127.0.0.1 --master-port \(port)"] {
      let outcome = try await launch([options], "echo started")[0]
      #expect(outcome.code == 69)
      #expect(outcome.messages.contains("port \(port) is taken by process \(getpid()) ("), "\(outcome.messages)")
    }
  }
}
