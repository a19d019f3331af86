import Foundation

/// Starts the workers of an attempt on this node.
struct WorkerStarter {
  let options: LaunchOptions
  let program: WorkerProgram
  let environment: [String: String]
  let plan: AttemptPlan
  let runID: String
  let logs: LogFolder
  let console: AgentConsole
  let host: String

  /// A secret of this launcher's job.
  private static let token = (0..<4).map { _ in String(UInt32.random(in: .min ... .max), radix: 16) }.joined(
    separator: "-")

  private var worldSize: Int { plan.nodeCount * options.workersPerNode }
  private var threads: Int { max(1, AvailableCores.count() / options.workersPerNode) }

  /// A line that says what was started.
  var announcement: Wording {
    let count = options.workersPerNode
    let first = plan.nodeRank * count
    let last = first + count - 1
    let here = count == 1 ? "1 worker here, rank \(first)" : "\(count) workers here, ranks \(first)–\(last)"
    let nodes =
      plan.nodeCount == 1
      ? Wording("")
      : Wording(
        en: ", node \(plan.nodeRank) of \(plan.nodeCount)", zh: "，节点 \(plan.nodeRank)（共 \(plan.nodeCount) 个）")
    let given = environment["OMP_NUM_THREADS"].flatMap { $0.isEmpty ? nil : $0 }
    let kept = logs.isTemporary ? Wording("") : Wording(en: "; logs in \(logs.path)", zh: "；日志在 \(logs.path)")
    let place = Endpoint(host: plan.masterAddress, port: plan.masterPort)
    let threads = "OMP_NUM_THREADS=\(given ?? String(self.threads))"
    return Wording(
      en: "launch: \(here) of \(worldSize)\(nodes.en); they meet at \(place); \(threads)\(kept.en)",
      zh: "launch: 本机 \(count) 个工作进程，rank \(first)\(count == 1 ? "" : "–\(last)")（共 \(worldSize) 个）\(nodes.zh)；会合于 "
        + "\(place)；\(threads)\(kept.zh)")
  }

  /// Starts them all; when one cannot be started, those before it are stopped again.
  func start(under guardProcess: Guard?) throws(LaunchError) -> WorkerGroup {
    guard let guardProcess else { throw LaunchError(.unavailable, "the guard of the workers is not there.") }
    // Several readers would split a terminal's lines among them, and processes in other groups may not read it anyway.
    let hasInput = fcntl(STDIN_FILENO, F_GETFD) >= 0 && isatty(STDIN_FILENO) == 0
    let input = hasInput ? STDIN_FILENO : open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { if input != STDIN_FILENO { close(input) } }
    var workers: [WorkerProcess] = []
    var streams: [WorkerStream] = []
    var paths: [Int: [String]] = [:]
    do {
      for localRank in 0..<options.workersPerNode {
        let folder = try logs.folder(attempt: plan.attempt, localRank: localRank)
        let files = try StreamChoice.Stream.allCases.map { stream throws(LaunchError) in
          try logFile(stream, localRank: localRank, folder: folder)
        }
        paths[localRank] = files.compactMap { $0?.path }
        let worker = try WorkerProcess(
          program, as: place(localRank, errorFile: folder + "/error.json"),
          environment: variables(localRank, errorFile: folder + "/error.json"), input: input, under: guardProcess)
        workers.append(worker)
        for (stream, file) in zip(StreamChoice.Stream.allCases, files) {
          streams.append(self.stream(stream, of: worker, log: file))
        }
      }
    } catch {
      workers.forEach { $0.release() }
      throw error
    }
    return WorkerGroup(
      workers, streams: streams, logs: paths, host: host, shutdownTimeout: .seconds(options.shutdownTimeout))
  }

  private func place(_ localRank: Int, errorFile: String) -> WorkerEnvironment {
    WorkerEnvironment(
      rank: plan.nodeRank * options.workersPerNode + localRank, localRank: localRank, worldSize: worldSize,
      localWorldSize: options.workersPerNode, nodeRank: plan.nodeRank, masterAddress: plan.masterAddress,
      masterPort: plan.masterPort, restartCount: plan.attempt, maxRestarts: options.maxRestarts, runID: runID,
      errorFile: errorFile, launcherProcess: getpid())
  }

  private func variables(_ localRank: Int, errorFile: String) -> [String: String] {
    var variables = WorkerEnvironment.environment(
      for: place(localRank, errorFile: errorFile), role: options.role, signals: options.signals,
      inheriting: environment, threads: threads)
    // Several nodes share a secret only where the user gives them one.
    if plan.nodeCount == 1, variables["MINIMIND_DPO_JOB_TOKEN"] == nil {
      variables["MINIMIND_DPO_JOB_TOKEN"] = Self.token
    }
    if let language = options.language { variables[LaunchLanguage.variable] = language.rawValue }
    if showsProgress(localRank) { variables["MINIMIND_DPO_TERMINAL_WIDTH"] = String(console.error.outlet.width) }
    return variables
  }

  /// Whether a worker's progress line can be seen: that of rank 0, on a terminal, without a prefix.
  private func showsProgress(_ localRank: Int) -> Bool {
    console.error.outlet.isTerminal && environment["TERM"] != "dumb" && plan.nodeRank == 0 && localRank == 0
      && isShown(.error, localRank: localRank) && !options.tee.has(.error, localRank: localRank)
  }

  private func isShown(_ stream: StreamChoice.Stream, localRank: Int) -> Bool {
    if options.shownLocalRanks?.contains(localRank) == false { return false }
    return options.tee.has(stream, localRank: localRank) || !options.redirects.has(stream, localRank: localRank)
  }

  private func logFile(
    _ stream: StreamChoice.Stream, localRank: Int, folder: String
  ) throws(LaunchError) -> LogFile? {
    guard options.tee.has(stream, localRank: localRank) || options.redirects.has(stream, localRank: localRank) else {
      return nil
    }
    let console = console
    return try LogFile("\(folder)/std\(stream == .output ? "out" : "err").log") {
      console.say(Wording("launch: warning: ") + $0)
    }
  }

  private func stream(_ stream: StreamChoice.Stream, of worker: WorkerProcess, log: LogFile?) -> WorkerStream {
    let localRank = worker.place.localRank
    let screen = stream == .output ? console.output : console.error
    // All attempts write to the same screen.
    let source = (plan.attempt * options.workersPerNode + localRank) * 2 + (stream == .output ? 0 : 1)
    if stream == .error, showsProgress(localRank) { screen.immediate.insert(source) }
    // Unfinished lines of a single worker cannot mix with those of others.
    if options.workersPerNode == 1 { screen.immediate.insert(source) }
    return WorkerStream(
      stream, of: worker, screen: isShown(stream, localRank: localRank) ? screen : nil, source: source, log: log,
      prefix: options.tee.has(stream, localRank: localRank) ? "[\(options.role)\(localRank)]:" : "")
  }
}
