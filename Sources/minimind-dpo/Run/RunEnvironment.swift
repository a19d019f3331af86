import Foundation
import Launcher
import Observability
import OrderedJSON
import Torch
import Training

/// `environment.json`: what a run ran on, for the report and for reproducing the run.
enum RunEnvironment {
  /// The member that holds what must be the same in a run that continues.
  static let identityKey = "identity"

  /// - Parameters:
  ///   - training: how the run computes
  ///   - identity: what must be the same in a run that continues
  static func json(
    of job: Job, started: Date, training: TrainingOptions? = nil, identity: [String: String] = [:]
  ) throws -> JSON {
    let system = SystemInfo()
    return [
      "program": .string(Version.number),
      "revision": revision.map(JSON.string) ?? .null,
      "libtorch": .string(Runtime.version),
      "cpu_capability": .string(try Runtime.cpuCapability()),
      "threads": .integer(Runtime.threadCount),
      "device": .string(job.placement.description),
      "precision": .string(job.placement.type.rawValue),
      "native_types": ProcessorTypes.native().map { .array($0.map(JSON.string)) } ?? .null,
      "world_size": .integer(job.worldSize),
      "per_device_batch": training.map { .integer($0.perDeviceBatchSize) } ?? .null,
      "accumulation": training.map { .integer($0.accumulationSteps) } ?? .null,
      "container": .bool(Container.isHere),
      "network": network(of: job),
      "started_by": .string(job.environment.startedBy.rawValue),
      "job": .string(job.environment.jobName),
      "restarts": .integer(job.environment.restartCount),
      "processes": .array(
        (job.communicator?.roster.members ?? []).map { member in
          [
            "rank": .integer(member.rank), "host": .string(member.host), "device": .string(member.device),
            "threads": .integer(member.threads),
          ]
        }),
      "host": .string(system.hostName),
      "operating_system": .string(system.operatingSystem),
      "kernel": .string(system.kernel),
      "processor": .string(system.processor),
      "cores": .integer(system.availableCores),
      "memory_bytes": system.memoryBytes.map(JSON.integer) ?? .null,
      "started": .string(ISO8601DateFormatter().string(from: started)),
      identityKey: .object(
        identity.sorted { $0.key < $1.key }.reduce(into: [:]) { object, entry in
          object[entry.key] = .string(entry.value)
        }),
    ]
  }

  /// The way of the gradients, as far as it may be slow.
  private static func network(of job: Job) -> JSON {
    var object: JSON.Object = [:]
    if case .interface(let name)? = job.communicator?.route {
      object["interface"] = .string(name)
      object["virtual"] = .bool(Container.isVirtual(interface: name))
    }
    var status = statvfs()
    if statvfs("/dev/shm", &status) == 0 {
      object["shared_memory_bytes"] = .integer(Int(status.f_blocks) * Int(status.f_frsize))
    }
    return .object(object)
  }

  /// The job whose processes made a run; see `WorkerEnvironment.jobName`.
  static func job(of run: URL) -> String? {
    let file = run.appendingPathComponent("environment.json")
    guard let bytes = try? Data(contentsOf: file) else { return nil }
    return (try? JSON(parsing: bytes))?["job"]?.string
  }

  /// When a run began. A run that is resumed on another day must tell templates that print the date the first one.
  static func start(of run: RunFolder) -> Date? {
    guard let bytes = try? Data(contentsOf: run.file("environment.json")),
      let text = (try? JSON(parsing: bytes))?["started"]?.string
    else { return nil }
    return ISO8601DateFormatter().date(from: text)
  }

  /// The commit of the checkout that the program was built in, where it still lies in one.
  private static var revision: String? {
    var folder = Program.location
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      let git = folder.appendingPathComponent(".git")
      guard let head = try? String(contentsOf: git.appendingPathComponent("HEAD"), encoding: .utf8) else { continue }
      guard head.hasPrefix("ref: ") else { return head.trimmingCharacters(in: .whitespacesAndNewlines) }
      let name = head.dropFirst(5).trimmingCharacters(in: .whitespacesAndNewlines)
      return (try? String(contentsOf: git.appendingPathComponent(name), encoding: .utf8))?
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }
    return nil
  }
}

extension WorkerEnvironment {
  /// A name that the workers of a job keep when they are restarted, and that no other job has.
  var jobName: String {
    "\(runID), started by process \(launcherProcess ?? getppid()) on \(ProcessInfo.processInfo.hostName)"
  }
}
