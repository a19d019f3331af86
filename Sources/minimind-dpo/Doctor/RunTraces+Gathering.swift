import Files
import Foundation
import MiniMind
import Observability
import OrderedJSON
import Training

extension RunTraces {
  /// Reads a run's folder, and looks for a second at the process that works in it, where there is one here.
  ///
  /// - Throws: `Failure` where the folder holds no run
  static func gathered(_ path: String) throws -> RunTraces {
    let folder = URL(fileURLWithPath: path, isDirectory: true)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), isFolder.boolValue else {
      throw Failure(.missingInput, "--run \(path): there is no such folder. Name the --output-dir of a run.")
    }
    var facts = RunTraces()
    facts.path = path
    facts.environment = (try? Data(contentsOf: folder.appendingPathComponent("environment.json"))).flatMap {
      try? JSON(parsing: $0)
    }
    let metrics = folder.appendingPathComponent("metrics.jsonl")
    if FileManager.default.fileExists(atPath: metrics.path) { facts.log = try MetricsLog(contentsOf: metrics) }
    facts.checkpoints = RunFolder.checkpoints(in: folder).map { step, place in
      do {
        try AtomicDirectory.verify(place)
        return Checkpoint(step)
      } catch let error as FileError {
        return Checkpoint(step, problem: error.problem)
      } catch {
        return Checkpoint(step, problem: "\(error)")
      }
    }
    guard facts.environment?["started"] != nil || !facts.log.records.isEmpty || !facts.checkpoints.isEmpty else {
      throw Failure(
        .missingInput, "--run \(path): the folder holds no run of this program. Name the --output-dir of a run.")
    }
    facts.hasResult = (["model.safetensors"] + AdapterFiles.names).contains {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
    }
    facts.silence = silence(of: folder)
    if let holder = FolderLock.holder(of: folder) {
      let words = Phrase(
        en: holder.words, zh: "主机 \(holder.host) 上的进程 \(holder.process)（始于 \(holder.since)）")
      facts.holder = holder.isHere ? look(at: holder.process, words) : Holder(words)
    }
    return facts
  }

  /// Seconds since the newest of what a run appends to was written.
  private static func silence(of folder: URL) -> Double {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let dates = names.filter { $0 != FolderLock.fileName }.compactMap { name -> Date? in
      let path = folder.appendingPathComponent(name).path
      return (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    }
    return max(0, dates.max().map { Date().timeIntervalSince($0) } ?? 0)
  }

  /// The state of a process of this machine, and how much it computes.
  private static func look(at process: Int32, _ words: Phrase) -> Holder {
    guard let before = ProcessState(of: process) else { return Holder(words) }
    Thread.sleep(forTimeInterval: 1)
    guard let after = ProcessState(of: process) else { return Holder(words) }
    return Holder(words, state: after.letter, activity: after.seconds - before.seconds)
  }
}

/// What `/proc/<process>/stat` says (proc(5)).
private struct ProcessState {
  /// The state: `R` runs, `S` sleeps, `D` waits for a disk, `T` was stopped, and others.
  let letter: String
  /// Seconds of processor time so far.
  let seconds: Double

  init?(of process: Int32) {
    // The name in brackets may hold spaces and brackets.
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
    letter = String(fields[0])
    seconds = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
