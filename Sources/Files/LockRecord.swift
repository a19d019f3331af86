import Foundation

/// Who holds a folder: the text in its lock file.
struct LockRecord: Equatable {
  /// One of its kind, so that two starts of the same process number differ.
  let token: String
  let host: String
  let process: Int32
  /// When the process began, in the kernel's clock ticks; empty where the kernel does not say.
  let processStart: String
  /// Equal for processes that see each other's process ids: the machine's start, and the name space of process ids.
  let machine: String
  let since: String
  /// How often the holder has said that it is alive.
  var beats = 0

  /// This process's record.
  init() {
    token = String(UInt64.random(in: .min ... .max), radix: 16)
    host = ProcessInfo.processInfo.hostName
    process = getpid()
    processStart = Self.start(of: process) ?? ""
    machine = Self.machine
    since = ISO8601DateFormatter().string(from: Date())
  }

  /// Reads a record; nil where there is none, or it makes no sense.
  init?(_ descriptor: Int32) {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    let fields = String(decoding: bytes[..<count], as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    )
    .map(String.init)
    guard fields.count >= 7, let process = Int32(fields[2]), process > 0, let beats = Int(fields[6]) else { return nil }
    (token, host, self.process, processStart) = (fields[0], fields[1], process, fields[3])
    (machine, since, self.beats) = (fields[4], fields[5], beats)
  }

  /// What stands in the file.
  var text: String {
    [token, host, "\(process)", processStart, machine, since, "\(beats)"].joined(separator: "\n") + "\n"
  }

  /// In words.
  var holder: String { "process \(process) on host \(host), since \(since)" }

  /// Whether the holder certainly does not run any more: only a process of the same machine can say so.
  var isOfDead: Bool {
    guard isOfThisMachine else { return false }
    return Self.start(of: process).map { $0 != processStart } ?? true
  }

  /// Whether the holder's process number means something here.
  var isOfThisMachine: Bool { machine == Self.machine && !machine.isEmpty }

  private static let machine: String = {
    let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    let space = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
    guard let boot, let space else { return "" }
    return boot.trimmingCharacters(in: .whitespacesAndNewlines) + " " + space
  }()

  /// Field 22 of `/proc/<process>/stat` (proc(5)); the name before it may hold spaces and brackets.
  private static func start(of process: Int32) -> String? {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    return fields.count > 19 ? String(fields[19]) : nil
  }
}
