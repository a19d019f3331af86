import Foundation
import Launcher

/// What a process tells the others about itself.
public struct Member: Codable, Hashable, Sendable {
  /// Its number in the job.
  public var rank: Int
  /// The name of its host.
  public var host: String
  /// Its process id there.
  public var process: Int32
  /// What it computes on, such as `cpu` or `cuda:0`.
  public var device: String
  /// Threads that it computes with.
  public var threads: Int
  /// The version of the program.
  public var program: String
  /// A number that no other start of a process has.
  public var nonce: String
  /// Equal on processes that reach each other over the loopback interface.
  public var machine: String
  /// Its address on the way to the store; the others may need it to find theirs.
  public var address: String?
  /// Equal on processes whose standard error is read in one place.
  public var console: String

  /// As in `rank 1 (host-b, process 4711)`.
  public var name: String { "rank \(rank) (\(host), process \(process))" }
}

/// All processes of a job, by rank.
public struct Roster: Codable, Hashable, Sendable {
  /// One for each rank, in order.
  public var members: [Member]

  package init(members: [Member]) { self.members = members }

  /// The number of processes.
  public var worldSize: Int { members.count }

  /// Whether all processes are on one machine.
  public var isOnOneMachine: Bool { Set(members.map(\.machine)).count == 1 }

  /// Whether a rank is the one that speaks, where all that share its console have the same to say: the lowest.
  ///
  /// - Parameter others: ranks that cannot speak, or are spoken about
  package func speaks(_ rank: Int, besides others: Set<Int> = []) -> Bool {
    let console = members[rank].console
    return members.first { $0.console == console && !others.contains($0.rank) }?.rank == rank
  }
}

extension Member {
  /// This process.
  ///
  /// - Parameters:
  ///   - address: of this host on the way to the store
  package static func current(
    _ environment: WorkerEnvironment, device: String, threads: Int, program: String, address: String?
  ) -> Member {
    func text(_ path: String) -> String {
      (try? String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)) ?? ""
    }
    // Two network namespaces of one machine are two machines here: neither reaches the other's loopback interface.
    let namespace = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")) ?? ""
    let machine = text("/proc/sys/kernel/random/boot_id") + namespace
    // mpirun and srun gather the output of all hosts.
    let isGathered = [.openMPI, .pmi, .slurm].contains(environment.startedBy)
    return Member(
      rank: environment.rank, host: ProcessInfo.processInfo.hostName, process: getpid(), device: device,
      threads: threads,
      program: program, nonce: UUID().uuidString, machine: machine, address: address,
      console: (isGathered ? "" : machine) + environment.consoleIdentity)
  }
}
