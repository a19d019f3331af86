import Foundation
import ProgramSupport
import Subprocess
import Synchronization
import Testing

/// Tests that keep both cores busy: one after the other.
@Suite("Jobs of several processes", .serialized)
enum BusyJobs {}

/// Tests that mostly wait for something not to come: beside each other, and beside the busy ones.
@Suite("Jobs whose processes wait")
enum WaitingJobs {}

/// A workspace whose processes are all known: whatever a test starts there, and whatever that starts, carries a mark in
/// its environment and ends with the site at the latest.
final class JobSite: Sendable {
  let workspace: Workspace
  private let mark = UUID().uuidString
  private static let markName = "MINIMIND_DPO_TEST_SITE"

  init() throws { workspace = try Workspace() }

  /// A site with the tiny model, and some pairs for it.
  convenience init(pairs: Int) async throws {
    try self.init()
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(pairs), to: "pairs.jsonl")
  }

  deinit {
    // Some may be about to start others.
    for _ in 0..<100 {
      let left = processes
      if left.isEmpty { break }
      for process in left { kill(process.id, SIGKILL) }
      usleep(20_000)
    }
  }

  /// Starts a program beside the test.
  ///
  /// - Parameters:
  ///   - words: its arguments
  ///   - program: the program under test unless another is named; looked for in PATH where it has no slash
  ///   - environment: variables besides the test's own; nil takes one away
  ///   - name: of the files that hold its output
  func start(
    _ words: [String], program: String = Program.executable.path, environment: [String: String?] = [:],
    named name: String = "job"
  ) async throws -> StartedProcess {
    // One thread each, so that sums have one order, on the CPU whatever GPUs there are, and nothing of a job that the tests
    // themselves may be part of.
    var changes: [Environment.Key: String?] = [
      "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8", "NO_COLOR": nil, "COLUMNS": nil, "RANK": nil, "WORLD_SIZE": nil,
      "LOCAL_RANK": nil,
      "CUDA_VISIBLE_DEVICES": "",
      "MASTER_ADDR": nil, "MASTER_PORT": nil, "MINIMIND_DPO_CACHE": workspace.path(".cache"),
      Environment.Key(stringLiteral: Self.markName): mark,
    ]
    for (name, value) in environment { changes[Environment.Key(stringLiteral: name)] = value }
    return try await StartedProcess(
      program, words, environment: .inherit.updating(changes), folder: workspace.url,
      files: (workspace.path(name + ".out"), workspace.path(name + ".err")))
  }

  /// Starts a worker's command in several processes with `launch`.
  func launch(
    _ worker: [String], ranks: Int = 2, options: [String] = [], environment: [String: String?] = [:],
    named name: String = "job"
  ) async throws -> StartedProcess {
    try await start(
      ["launch", "--nproc-per-node", "\(ranks)"] + options + worker, environment: environment, named: name)
  }

  /// The processes of this site that are alive.
  var processes: [SiteProcess] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap(Int32.init).compactMap(SiteProcess.init).filter { $0.variables[Self.markName] == mark }
  }

  /// Those of them that are ranks of a job, by rank.
  var workers: [Int: Int32] {
    Dictionary(processes.compactMap { process in process.rank.map { ($0, process.id) } }) { first, _ in first }
  }

  /// The process of a rank, waited for if need be.
  ///
  /// - Parameter attempt: how often the job was started again
  func process(ofRank rank: Int, attempt: Int = 0) async throws -> Int32 {
    var found: Int32?
    try await eventually("rank \(rank) of attempt \(attempt) is there") {
      found = processes.first { $0.rank == rank && $0.attempt == attempt }?.id
      return found != nil
    }
    return try #require(found)
  }

  /// Waits until no rank is left. On an idle machine that takes some seconds at the most; a busy one may take longer, but
  /// not as long as a collective operation may.
  func hasNoWorkers() async throws {
    try await eventually("no rank is left", within: .seconds(300)) { workers.isEmpty }
  }
}
