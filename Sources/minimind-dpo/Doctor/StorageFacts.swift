import Foundation
import Observability
import OrderedJSON

/// Memory, disk, and what the system lets a process have.
package struct StorageFacts: Hashable, Sendable {
  /// A file system.
  package struct Space: Hashable, Sendable {
    package var path: String
    package var bytes: Int
    package var freeBytes: Int

    package init(path: String, bytes: Int, freeBytes: Int) {
      (self.path, self.bytes, self.freeBytes) = (path, bytes, freeBytes)
    }
  }

  /// Bytes of the machine's memory.
  package var memory: Int?
  /// Bytes that this process could still get, also within its control group.
  package var availableMemory: Int?
  /// `/dev/shm`, over which processes of a host hand each other data.
  package var sharedMemory: Space?
  /// GPUs that want to do so.
  package var deviceCount = 0
  /// Whether the process is in a container.
  package var isContainer = false
  /// Where runs started here leave their folders.
  package var workingFolder: Space?
  package var isWritable = true
  /// Files and sockets that a process may have open, and how far it may raise that itself.
  package var openFiles: Int?
  package var openFilesAtMost: Int?
  /// Bytes that may not be swapped out; nil for any number.
  package var lockedMemory: Int?
  /// Whether there is an InfiniBand adapter, which reads memory by itself.
  package var hasInfiniBand = false

  package init() {}
}

extension StorageFacts {
  static func gathered(deviceCount: Int) -> StorageFacts {
    var facts = StorageFacts()
    facts.memory = SystemInfo().memoryBytes
    facts.availableMemory = ProcessMemory.availableBytes()
    facts.sharedMemory = space("/dev/shm")
    facts.deviceCount = deviceCount
    facts.isContainer = Container.isHere
    let folder = FileManager.default.currentDirectoryPath
    facts.workingFolder = space(folder)
    facts.isWritable = access(folder, W_OK) == 0
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      (facts.openFiles, facts.openFilesAtMost) = (Int(clamping: limit.rlim_cur), Int(clamping: limit.rlim_max))
    }
    if getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit) == 0, limit.rlim_cur != rlim_t.max {
      facts.lockedMemory = Int(clamping: limit.rlim_cur)
    }
    let adapters = try? FileManager.default.contentsOfDirectory(atPath: "/sys/class/infiniband")
    facts.hasInfiniBand = adapters?.isEmpty == false
    return facts
  }

  private static func space(_ path: String) -> Space? {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { return nil }
    let block = Int(status.f_frsize)
    return Space(path: path, bytes: Int(status.f_blocks) * block, freeBytes: Int(status.f_bavail) * block)
  }
}

extension StorageFacts {
  /// What was found.
  package var findings: [Finding] {
    [memoryFinding, sharedMemoryFinding, disk, files, locking].compactMap(\.self)
  }

  private var memoryFinding: Finding? {
    guard let availableMemory else { return nil }
    let free = HumanText.bytes(availableMemory)
    var values: JSON.Object = ["available_bytes": .integer(availableMemory)]
    if let memory { values["memory_bytes"] = .integer(memory) }
    let text = memory.map { "\(free) of \(HumanText.bytes($0)) memory to be had" } ?? "\(free) of memory to be had"
    if availableMemory < 512 << 20 {
      return .problem(
        "memory", "only \(text)",
        remedy: "end other programs, or give the container more (docker --memory, the limits of the pod or job)", values
      )
    }
    if availableMemory < 3 << 30 {
      return .warning(
        "memory", "\(text); MiniMind's 64 M model wants about 2.5 GiB",
        remedy: "end other programs, or train with --per-device-train-batch-size 1 and --gradient-checkpointing", values
      )
    }
    return .ok("memory", text, values)
  }

  private var sharedMemoryFinding: Finding? {
    guard let sharedMemory else {
      guard deviceCount > 1 else { return nil }
      return .problem(
        "shared-memory", "there is no /dev/shm, over which NCCL connects the GPUs of a host",
        remedy: "mount one: mount -t tmpfs tmpfs /dev/shm; in a container, start it with --ipc=host or --shm-size=1g")
    }
    let size = HumanText.bytes(sharedMemory.bytes)
    let values: JSON.Object = [
      "bytes": .integer(sharedMemory.bytes), "free_bytes": .integer(sharedMemory.freeBytes),
    ]
    let remedy =
      isContainer
      ? "start the container with --ipc=host or --shm-size=1g; a pod mounts an emptyDir of medium Memory at /dev/shm"
      : "enlarge it: mount -o remount,size=50% /dev/shm"
    let free = "\(HumanText.bytes(sharedMemory.freeBytes)) of \(size) free in /dev/shm"
    // A container has 64 MiB unless it is told otherwise; NCCL takes some tens of MiB for each GPU.
    if deviceCount > 1, sharedMemory.freeBytes < 64 << 20 {
      return .problem(
        "shared-memory", "\(free): NCCL, which connects the GPUs of a host over it, will not start", remedy: remedy,
        values)
    }
    if deviceCount > 1, sharedMemory.freeBytes < 1 << 30 {
      return .warning(
        "shared-memory", "\(free), which is little for NCCL with \(deviceCount) GPUs", remedy: remedy, values)
    }
    return .ok("shared-memory", deviceCount > 1 ? free : "\(free), which only GPUs would need", values)
  }

  private var disk: Finding? {
    guard let space = workingFolder else { return nil }
    let values: JSON.Object = [
      "path": .string(space.path), "free_bytes": .integer(space.freeBytes),
    ]
    let free = HumanText.bytes(space.freeBytes)
    if !isWritable {
      return .warning(
        "disk", "nothing can be written to this folder, \(space.path)",
        remedy: "start runs in another folder, or name one with --output-dir", values)
    }
    if space.freeBytes < 256 << 20 {
      return .problem(
        "disk", "only \(free) of disk free in \(space.path)",
        remedy: "make room, or name a folder on another disk with --output-dir", values)
    }
    if space.freeBytes < 4 << 30 {
      return .warning(
        "disk", "\(free) of disk free in \(space.path); a checkpoint of a 64 M model takes 0.8 GB",
        remedy: "make room, or keep fewer checkpoints (--save-total-limit 2)", values)
    }
    return .ok("disk", "\(free) of disk free in \(space.path)", values)
  }

  private var files: Finding? {
    guard let openFiles else { return nil }
    let values: JSON.Object = ["limit": .integer(openFiles)]
    guard openFiles < 1024 else {
      return .ok(
        "open-files", "\(openFiles > 1 << 30 ? "any number of" : "up to " + HumanText.grouped(openFiles)) open files",
        values)
    }
    let raise =
      (openFilesAtMost ?? 0) >= 4096 ? "ulimit -n 4096" : "a higher limit in /etc/security/limits.conf (nofile)"
    return .warning(
      "open-files", "a process may have only \(openFiles) files and sockets open, too few for a job of many processes",
      remedy: raise, values)
  }

  private var locking: Finding? {
    guard hasInfiniBand, let lockedMemory else { return nil }
    let values: JSON.Object = ["limit_bytes": .integer(lockedMemory)]
    return .warning(
      "locked-memory", "InfiniBand is here, but a process may lock only \(HumanText.bytes(lockedMemory)) of memory",
      remedy: "ulimit -l unlimited; in a container, start it with --ulimit memlock=-1", values)
  }
}
