import Foundation
import Launcher
import Subprocess
import Testing

@Suite("The launcher on one node")
struct AgentTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// Workers run this shell script.
  private func launch(
    _ options: String, _ script: String, environment: [String: String?] = [:], timeout: Duration = .seconds(300),
    meanwhile: @escaping @Sendable (LauncherProgram.Running) async throws -> Void = { _ in }
  ) async throws -> LauncherProgram.Outcome {
    let worker = try workspace.script(script)
    return try await LauncherProgram.run(
      options.split(separator: " ").map(String.init) + ["--no-python", "sh", worker, "an argument"], in: workspace,
      environment: environment, timeout: timeout, meanwhile: meanwhile)
  }

  @Test("Workers get torchrun's variables, and nothing else is added to the environment")
  func environment() async throws {
    let outcome = try await launch(
      "--nproc-per-node 2 --max-restarts 3 --role trainer", "env > $HERE/env$RANK; echo \"$1\"; pwd")
    #expect(outcome.code == 0, "\(outcome.messages)")
    // macOS and containers resolve links of the temporary folder.
    #expect(outcome.lines.filter { $0 == "an argument" }.count == 2)
    let own = Set(ProcessInfo.processInfo.environment.keys)
    for rank in 0..<2 {
      let pairs = workspace.lines("env\(rank)").compactMap { line in
        line.firstIndex(of: "=").map { (String(line[..<$0]), String(line[line.index(after: $0)...])) }
      }
      let environment = Dictionary(pairs) { $1 }
      // The list is that of torchrun 2.13, which `torchrun --no-python /usr/bin/env` prints, and our own variables.
      let names: Set = [
        "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK",
        "ROLE_NAME",
        "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "OMP_NUM_THREADS", "TORCH_NCCL_ASYNC_ERROR_HANDLING",
        "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS", "TORCHELASTIC_RUN_ID",
        "TORCHELASTIC_USE_AGENT_STORE",
        "TORCHELASTIC_ERROR_FILE", "TORCHELASTIC_SIGNALS_TO_HANDLE", "MINIMIND_DPO_LAUNCHER_PID",
        "MINIMIND_DPO_JOB_TOKEN",
      ]
      let ofShell: Set = ["HERE", "LAUNCHER_FIXTURE_STORES", "PWD", "OLDPWD", "SHLVL", "_"]
      #expect(Set(environment.keys).subtracting(own).subtracting(ofShell).isSubset(of: names))
      #expect(names.isSubset(of: environment.keys))
      #expect(environment["MINIMIND_DPO_JOB_TOKEN"]?.count ?? 0 >= 16)
      let place = try WorkerEnvironment(environment)
      #expect(place.startedBy == .launch && place.rank == rank && place.localRank == rank && place.worldSize == 2)
      #expect(place.usesAgentStore && place.masterAddress == "127.0.0.1" && place.maxRestarts == 3)
      #expect(environment["ROLE_NAME"] == "trainer" && environment["GROUP_WORLD_SIZE"] == "1")
      #expect(environment["TORCHELASTIC_SIGNALS_TO_HANDLE"] == "SIGTERM,SIGINT,SIGHUP,SIGQUIT")
      #expect(environment["OMP_NUM_THREADS"] == String(max(1, AvailableCores.count() / 2)))
    }
  }

  @Test("OMP_NUM_THREADS of the user stays")
  func threads() async throws {
    let outcome = try await launch("--nproc-per-node 2", "echo $OMP_NUM_THREADS", environment: ["OMP_NUM_THREADS": "5"])
    #expect(outcome.lines == ["5", "5"])
  }

  @Test(
    "The exit code is that of the worker that failed, or 128 and its signal",
    arguments: [
      ("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137), ("kill -SEGV $$", 139), ("exit 69", 69), ("exit 75", 75),
    ])
  func exitCodes(_ end: String, _ code: Int32) async throws {
    let outcome = try await launch("--nproc-per-node 2", "[ $RANK = 1 ] && { \(end); }; exit 0")
    #expect(outcome.code == code, "\(outcome.messages)")
    #expect(outcome.messages.contains("failed first") == ![0, 75].contains(code))
  }

  @Test("The summary names the first failure, to the fraction of a second, with its last lines, and stands last")
  func summary() async throws {
    let outcome = try await launch(
      "--nproc-per-node 3 --shutdown-timeout 5",
      """
      trap 'sleep 0.2; echo me too; exit 4' TERM
      echo > $HERE/ready$RANK
      while [ ! -e $HERE/ready0 ] || [ ! -e $HERE/ready2 ]; do sleep 0.01; done
      [ $RANK = 1 ] && { for i in $(seq 30); do echo "line $i"; done; printf '\\033[31mthe cause\\033[0m\\n' >&2; exit 7; }
      sleep 20 & wait
      """)
    #expect(outcome.code == 7)
    let summary = try #require(outcome.messages.range(of: "launch: rank 1 failed first, at "))
    let lines = outcome.messages[summary.lowerBound...].split(separator: "\n").map(String.init)
    #expect(lines[0].contains(/at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}: exit code 7$/), "\(lines[0])")
    #expect(lines[1].contains(/rank 1, local rank 1, on host .+, process \d+$/))
    #expect(lines.contains("    | the cause") && lines.contains("    | line 30") && !lines.contains("    | line 11"))
    #expect(lines.filter { $0.hasPrefix("    | ") }.count == 20)
    #expect(lines.contains { $0.contains(/rank 0 on host .+, \d+\.\d{3} s later: exit code 4/) }, "\(lines)")
  }

  @Test("In Chinese the launcher says the same, and its workers are told the language; exit codes stay")
  func inChinese() async throws {
    let outcome = try await launch(
      "--nproc-per-node 2 --lang zh",
      """
      echo "the language is $MINIMIND_DPO_LANG"
      [ $RANK = 1 ] && { sleep 0.2; exit 7; }
      sleep 50
      """)
    #expect(outcome.code == 7)
    #expect(outcome.lines.filter { $0 == "the language is zh" }.count == 2)
    for words in ["launch: 本机 2 个工作进程，rank 0–1（共 2 个）；会合于 ", "launch: rank 1 最先失败，时间 ", "：退出码 7", "  因此被停止：rank 0"] {
      #expect(outcome.messages.contains(words), "\(words) ∉ \(outcome.messages)")
    }
    #expect(!outcome.messages.contains("failed") && !outcome.messages.contains("worker"), "\(outcome.messages)")
    let refused = try await launch("--lang fr", "true")
    #expect(refused.code == 64 && refused.messages.contains("--lang"), "\(refused.messages)")
  }

  @Test("Losing a peer (69) is the consequence, not the cause, though it is seen first")
  func lostPeer() async throws {
    let outcome = try await launch("--nproc-per-node 2", "[ $RANK = 0 ] && { sleep 0.1; exit 69; }; sleep 0.5; exit 5")
    #expect(outcome.code == 5)
    #expect(outcome.messages.contains("rank 1 failed first"))
    #expect(outcome.messages.contains(/rank 0 on host .*exit code 69/))
  }

  @Test("The reason in a worker's error file is part of the summary")
  func errorFile() async throws {
    let outcome = try await launch(
      "",
      #"""
      echo '{"message": {"message": "the tokenizer is upside down", "extraInfo": {}}}' > "$TORCHELASTIC_ERROR_FILE"; exit 65
      """#)
    #expect(outcome.code == 65)
    #expect(outcome.messages.contains("its reason:\n    | the tokenizer is upside down"))
  }

  @Test("A reason that several ranks have is said once, with how many they are")
  func sharedReason() async throws {
    let outcome = try await launch(
      "--nproc-per-node 3",
      #"""
      [ $RANK = 2 ] && echo '{"message": {"message": "another thing"}}' > "$TORCHELASTIC_ERROR_FILE"
      [ $RANK = 2 ] || echo '{"message": {"message": "no such file"}}' > "$TORCHELASTIC_ERROR_FILE"
      echo > $HERE/wrote$RANK
      while [ ! -e $HERE/wrote0 ] || [ ! -e $HERE/wrote1 ] || [ ! -e $HERE/wrote2 ]; do sleep 0.01; done
      [ $RANK = 0 ] || sleep 50
      echo "error: no such file" >&2
      exit 66
      """#)
    #expect(outcome.code == 66)
    #expect(outcome.messages.contains("  ranks 0–1 failed for this reason\n  stopped because of it: rank 2"))
    #expect(outcome.messages.components(separatedBy: "no such file").count == 2)
  }

  @Test("A reason that the worker has printed is not printed again")
  func printedReason() async throws {
    let outcome = try await launch(
      "--nproc-per-node 2",
      #"""
      echo '{"message": {"message": "the tokenizer is upside down"}}' > "$TORCHELASTIC_ERROR_FILE"
      [ $RANK = 0 ] || sleep 50
      echo "error: the tokenizer is upside down" >&2
      exit 65
      """#)
    #expect(outcome.code == 65)
    #expect(outcome.messages.components(separatedBy: "upside down").count == 2, "\(outcome.messages)")
    #expect(outcome.messages.contains("its reason: see the error above"))
  }

  @Test("A failure after which the others stop at once is said once, in the summary")
  func failureOnce() async throws {
    let quick = try await launch("--nproc-per-node 2", "[ $RANK = 0 ] && exit 3; sleep 50")
    #expect(!quick.messages.contains("rank 0 failed:"), "\(quick.messages)")
    let slow = try await launch(
      "--nproc-per-node 2 --shutdown-timeout 3",
      """
      [ $RANK = 0 ] && { while [ ! -e $HERE/ready ]; do sleep 0.01; done; exit 3; }
      trap '' TERM; echo > $HERE/ready; sleep 50 & wait; sleep 50
      """)
    #expect(
      slow.messages.contains("rank 0 failed: exit code 3; stopping the other worker, within 3 s"), "\(slow.messages)")
  }

  @Test("A worker that ignores SIGTERM is killed at the timeout, with all that it started", .timeLimit(.minutes(10)))
  func stubborn() async throws {
    let outcome = try await launch(
      "--nproc-per-node 2 --shutdown-timeout 1",
      """
      [ $RANK = 0 ] && { while [ ! -s $HERE/child.pid ]; do sleep 0.01; done; exit 3; }
      trap '' TERM; echo $$ > $HERE/worker.pid; sleep 50 & echo $! > $HERE/child.pid; wait; sleep 50
      """)
    #expect(outcome.code == 3)
    #expect(outcome.messages.contains("rank 1 did not stop within 1 s; killed"))
    #expect(outcome.messages.contains("stopped because of it: rank 1"))
    for name in ["worker.pid", "child.pid"] {
      #expect(!isAlive(try #require(Int32(workspace.lines(name).first ?? ""))))
    }
  }

  @Test("kill -9 of the launcher leaves no worker, nor what workers started")
  func killedLauncher() async throws {
    let workspace = workspace
    let outcome = try await launch(
      "--nproc-per-node 3",
      "trap '' TERM HUP INT; sleep 50 & echo $! > $HERE/child$RANK; echo $$ > $HERE/worker$RANK; wait"
    ) { launcher in
      try await launcher.wait { (0..<3).allSatisfy { !workspace.lines("worker\($0)").isEmpty } }
      launcher.send(SIGKILL)
    }
    #expect(outcome.status == .signaled(SIGKILL))
    let processes = (0..<3).flatMap { rank in
      ["child", "worker"].compactMap { Int32(workspace.lines("\($0)\(rank)")[0]) }
    }
    #expect(processes.count == 6)
    // By themselves they would go on for longer.
    let deadline = ContinuousClock.now + .seconds(30)
    while processes.contains(where: isAlive), ContinuousClock.now < deadline { usleep(10_000) }
    #expect(processes.filter(isAlive) == [])
  }

  @Test("A signal goes to the workers once, a second one once more, and their exit code is the launcher's")
  func signals() async throws {
    let workspace = workspace
    let outcome = try await launch(
      "--nproc-per-node 2",
      """
      n=0; trap 'n=$((n+1)); echo got >> $HERE/signals$RANK; [ $n = 2 ] && exit 75' TERM
      echo ready > $HERE/ready$RANK; while :; do sleep 0.05; done
      """
    ) { launcher in
      try await launcher.wait { workspace.text("ready0") != nil && workspace.text("ready1") != nil }
      launcher.send(SIGTERM)
      try await launcher.wait { !workspace.lines("signals0").isEmpty && !workspace.lines("signals1").isEmpty }
      try await Task.sleep(for: .milliseconds(200))
      #expect(workspace.lines("signals0").count == 1 && workspace.lines("signals1").count == 1)
      launcher.send(SIGTERM)
    }
    #expect(outcome.code == 75, "\(outcome.messages)")
    #expect(outcome.messages.contains("SIGTERM: passed on to 2 workers") && !outcome.messages.contains("failed"))
  }

  @Test("SIGUSR1 goes to the workers that handle it, and nothing ends by it")
  func saveSignal() async throws {
    let workspace = workspace
    let outcome = try await launch(
      "--nproc-per-node 2",
      """
      [ $RANK = 0 ] && trap 'echo got >> $HERE/saved' USR1
      trap 'exit 75' TERM
      echo ready > $HERE/ready$RANK; while :; do sleep 0.05; done
      """
    ) { launcher in
      try await launcher.wait { workspace.text("ready0") != nil && workspace.text("ready1") != nil }
      for count in 1...3 {
        launcher.send(SIGUSR1)
        try await launcher.wait { workspace.lines("saved").count == count }
      }
      launcher.send(SIGTERM)
    }
    #expect(outcome.code == 75, "\(outcome.messages)")
    #expect(outcome.messages.contains("launch: SIGUSR1: passed on to 1 worker\n"), "\(outcome.messages)")
    #expect(!outcome.messages.contains("failed") && !outcome.messages.contains("killing"))
  }

  @Test("Workers that know nothing of the signal end by it, and so does the launcher; nothing is restarted")
  func plainSignal() async throws {
    let workspace = workspace
    let outcome = try await launch("--nproc-per-node 2 --max-restarts 3", "echo > $HERE/ready$RANK; sleep 50 & wait") {
      launcher in
      try await launcher.wait { workspace.text("ready0") != nil && workspace.text("ready1") != nil }
      launcher.send(SIGINT)
    }
    #expect(outcome.code == 130, "\(outcome.messages)")
    #expect(!outcome.messages.contains("again"))
  }

  @Test("Twenty times a worker is killed, and twenty times the restart recovers", .timeLimit(.minutes(10)))
  func restarts() async throws {
    let worker = try workspace.script(
      """
      echo "$TORCHELASTIC_RESTART_COUNT $MASTER_PORT" >> $HERE/$1.$RANK
      [ $TORCHELASTIC_RESTART_COUNT = 1 ] && exit 0
      while [ ! -s $HERE/$1.0 ]; do sleep 0.01; done
      [ $RANK = 1 ] && kill -KILL $$
      sleep 50
      """)
    for round in 0..<20 {
      let outcome = try await LauncherProgram.run(
        ["--nproc-per-node", "2", "--max-restarts", "1", "--no-python", "sh", worker, "round\(round)"], in: workspace)
      #expect(outcome.code == 0, "round \(round): \(outcome.messages)")
      #expect(outcome.messages.contains("restart 1 of 1"))
      #expect(workspace.lines("round\(round).0").map { $0.prefix(1) } == ["0", "1"])
    }
  }

  @Test("Restarts end when they are used up")
  func restartsUsedUp() async throws {
    let outcome = try await launch("--max-restarts 2", "echo $TORCHELASTIC_RESTART_COUNT; exit 9")
    #expect(outcome.code == 9 && outcome.lines == ["0", "1", "2"])
  }

  @Test("What would fail again is not started again", arguments: [64, 65, 66, 73])
  func deterministic(_ code: Int32) async throws {
    let outcome = try await launch("--max-restarts 3", "echo started; exit \(code)")
    #expect(outcome.code == code && outcome.lines == ["started"])
  }

  @Test("A hundred restarts leave the launcher with as many descriptors as one", .timeLimit(.minutes(10)))
  func descriptors() async throws {
    let outcome = try await launch(
      "--nproc-per-node 2 --max-restarts 100",
      "[ $RANK = 1 ] && sleep 50; ls /proc/$MINIMIND_DPO_LAUNCHER_PID/fd | wc -l; exit 1")
    #expect(outcome.code == 1)
    let counts = outcome.lines.compactMap { Int($0) }
    #expect(counts.count == 101)
    #expect((counts.last ?? .max) <= (counts.dropFirst(3).first ?? 0) + 10, "\(counts)")
  }

  @Test("Twenty launches at once all start", .timeLimit(.minutes(10)))
  func atOnce() async throws {
    let worker = try workspace.script("echo $MASTER_PORT; sleep 0.5")
    let workspace = workspace
    let ports = try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<20 {
        group.addTask {
          let outcome = try await LauncherProgram.run(["--no-python", "sh", worker], in: workspace)
          #expect(outcome.code == 0, "\(outcome.messages)")
          return outcome.output
        }
      }
      return try await group.reduce(into: [String]()) { $0.append($1) }
    }
    #expect(ports.count == 20 && !ports.contains(""))
  }

  @Test("A port that is taken is named with its owner")
  func portTaken() async throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    let port = try #require(boundPort(descriptor, 0))
    #expect(listen(descriptor, 1) == 0)
    let outcome = try await launch("--master-port \(port)", "exit 0")
    #expect(outcome.code == 69)
    #expect(outcome.messages.contains("port \(port) is taken by process \(getpid()) ("), "\(outcome.messages)")
  }

  @Test("The owner of a port is found on a machine with many listeners")
  func portAmongMany() throws {
    // More than the kernel's table of them holds in its first piece, 4 KiB.
    let descriptors = (0..<60).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
    defer { for descriptor in descriptors { close(descriptor) } }
    for descriptor in descriptors {
      let port = try #require(boundPort(descriptor, 0))
      try #require(listen(descriptor, 1) == 0)
      #expect(PortOwner.describe(port: port).hasPrefix("process \(getpid()) ("))
    }
  }

  @Test("A worker that cannot be started is an error, and nothing else starts")
  func notStarted() async throws {
    let broken = try await workspace.brokenProgram()
    let outcome = try await LauncherProgram.run(["--nproc-per-node", "2", "--no-python", broken], in: workspace)
    #expect(outcome.code == 66 && outcome.messages.contains("cannot start"), "\(outcome.messages)")
  }
}
