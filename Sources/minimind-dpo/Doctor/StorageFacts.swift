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
    let text =
      memory.map { HumanText.bytes($0) }.map {
        Phrase(en: "\(free) of \($0) memory to be had", zh: "内存 \($0)，可用 \(free)")
      } ?? Phrase(en: "\(free) of memory to be had", zh: "可用内存 \(free)")
    if availableMemory < 512 << 20 {
      return .problem(
        "memory", Phrase(en: "only \(text.en)", zh: "\(text.zh)，太少"),
        remedy: Phrase(
          en: "end other programs, or give the container more (docker --memory, the limits of the pod or job)",
          zh: "结束其他程序，或给容器更多内存（docker --memory、pod 或作业的限额）"), values)
    }
    if availableMemory < 3 << 30 {
      return .warning(
        "memory", text + Phrase(en: "; MiniMind's 64 M model wants about 2.5 GiB", zh: "；MiniMind 的 64 M 模型约需 2.5 GiB"),
        remedy: Phrase(
          en: "end other programs, or train with --per-device-train-batch-size 1 and --gradient-checkpointing",
          zh: "结束其他程序，或训练时加 --per-device-train-batch-size 1 和 --gradient-checkpointing"), values)
    }
    return .ok("memory", text, values)
  }

  private var sharedMemoryFinding: Finding? {
    guard let sharedMemory else {
      guard deviceCount > 1 else { return nil }
      return .problem(
        "shared-memory",
        Phrase(
          en: "there is no /dev/shm, over which NCCL connects the GPUs of a host",
          zh: "没有 /dev/shm，而 NCCL 靠它连接同一主机的 GPU"),
        remedy: Phrase(
          en: "mount one: mount -t tmpfs tmpfs /dev/shm; in a container, start it with --ipc=host or --shm-size=1g",
          zh: "挂载一个：mount -t tmpfs tmpfs /dev/shm；若在容器中，启动时加 --ipc=host 或 --shm-size=1g"))
    }
    let size = HumanText.bytes(sharedMemory.bytes)
    let values: JSON.Object = [
      "bytes": .integer(sharedMemory.bytes), "free_bytes": .integer(sharedMemory.freeBytes),
    ]
    let remedy =
      isContainer
      ? Phrase(
        en:
          "start the container with --ipc=host or --shm-size=1g; a pod mounts an emptyDir of medium Memory at /dev/shm",
        zh: "启动容器时加 --ipc=host 或 --shm-size=1g；pod 则在 /dev/shm 挂载 medium 为 Memory 的 emptyDir")
      : Phrase(
        en: "enlarge it: mount -o remount,size=50% /dev/shm", zh: "扩大它：mount -o remount,size=50% /dev/shm")
    let available = HumanText.bytes(sharedMemory.freeBytes)
    let free = Phrase(en: "\(available) of \(size) free in /dev/shm", zh: "/dev/shm 共 \(size)，可用 \(available)")
    // A container has 64 MiB unless it is told otherwise; NCCL takes some tens of MiB for each GPU.
    if deviceCount > 1, sharedMemory.freeBytes < 64 << 20 {
      return .problem(
        "shared-memory",
        free
          + Phrase(
            en: ": NCCL, which connects the GPUs of a host over it, will not start",
            zh: "：NCCL 靠它连接同一主机的 GPU，这样无法启动"), remedy: remedy, values)
    }
    if deviceCount > 1, sharedMemory.freeBytes < 1 << 30 {
      return .warning(
        "shared-memory",
        free
          + Phrase(
            en: ", which is little for NCCL with \(deviceCount) GPUs", zh: "，对 \(deviceCount) 个 GPU 的 NCCL 来说偏少"),
        remedy: remedy, values)
    }
    let unneeded = Phrase(en: ", which only GPUs would need", zh: "（只有 GPU 需要）")
    return .ok("shared-memory", deviceCount > 1 ? free : free + unneeded, values)
  }

  private var disk: Finding? {
    guard let space = workingFolder else { return nil }
    let values: JSON.Object = [
      "path": .string(space.path), "free_bytes": .integer(space.freeBytes),
    ]
    let free = HumanText.bytes(space.freeBytes)
    if !isWritable {
      return .warning(
        "disk",
        Phrase(en: "nothing can be written to this folder, \(space.path)", zh: "当前文件夹 \(space.path) 不可写"),
        remedy: Phrase(
          en: "start runs in another folder, or name one with --output-dir", zh: "换一个文件夹启动训练，或用 --output-dir 指定"),
        values)
    }
    let room = Phrase(en: "\(free) of disk free in \(space.path)", zh: "\(space.path) 所在磁盘可用 \(free)")
    if space.freeBytes < 256 << 20 {
      return .problem(
        "disk", Phrase(en: "only \(room.en)", zh: "\(room.zh)，太少"),
        remedy: Phrase(
          en: "make room, or name a folder on another disk with --output-dir",
          zh: "腾出空间，或用 --output-dir 指定另一块磁盘上的文件夹"), values)
    }
    if space.freeBytes < 4 << 30 {
      return .warning(
        "disk", room + Phrase(en: "; a checkpoint of a 64 M model takes 0.8 GB", zh: "；64 M 模型的一个检查点占 0.8 GB"),
        remedy: Phrase(
          en: "make room, or keep fewer checkpoints (--save-total-limit 2)",
          zh: "腾出空间，或少保留检查点（--save-total-limit 2）"), values)
    }
    return .ok("disk", room, values)
  }

  private var files: Finding? {
    guard let openFiles else { return nil }
    let values: JSON.Object = ["limit": .integer(openFiles)]
    guard openFiles < 1024 else {
      let isUnlimited = openFiles > 1 << 30
      let number = HumanText.grouped(openFiles)
      return .ok(
        "open-files",
        Phrase(
          en: "\(isUnlimited ? "any number of" : "up to \(number)") open files",
          zh: isUnlimited ? "打开文件数不限" : "最多可打开 \(number) 个文件"), values)
    }
    let raise =
      (openFilesAtMost ?? 0) >= 4096
      ? Phrase("ulimit -n 4096")
      : Phrase(
        en: "a higher limit in /etc/security/limits.conf (nofile)",
        zh: "在 /etc/security/limits.conf 中提高限额（nofile）")
    return .warning(
      "open-files",
      Phrase(
        en: "a process may have only \(openFiles) files and sockets open, too few for a job of many processes",
        zh: "每个进程只能打开 \(openFiles) 个文件和套接字，对多进程作业来说太少"),
      remedy: raise, values)
  }

  private var locking: Finding? {
    guard hasInfiniBand, let lockedMemory else { return nil }
    let values: JSON.Object = ["limit_bytes": .integer(lockedMemory)]
    let limit = HumanText.bytes(lockedMemory)
    return .warning(
      "locked-memory",
      Phrase(
        en: "InfiniBand is here, but a process may lock only \(limit) of memory",
        zh: "有 InfiniBand，但每个进程只能锁定 \(limit) 内存"),
      remedy: Phrase(
        en: "ulimit -l unlimited; in a container, start it with --ulimit memlock=-1",
        zh: "ulimit -l unlimited；若在容器中，启动时加 --ulimit memlock=-1"), values)
  }
}
