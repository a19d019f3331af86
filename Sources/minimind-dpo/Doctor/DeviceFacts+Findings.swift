import Observability
import OrderedJSON

extension DeviceFacts {
  /// What was found.
  package var findings: [Finding] {
    if devices.isEmpty { return [noDevice] }
    return [driver] + devices.map(describe) + devices.flatMap(troubles)
      + [visibility, sight, peers, nccl].compactMap(\.self)
  }

  // MARK: - No GPU

  /// Why the driver shows no device, which is no problem where there is none.
  private var noDevice: Finding {
    let list = busPlaces.joined(separator: ", ")
    let places = list.isEmpty ? Phrase("") : Phrase(en: " (\(list) on the PCI bus)", zh: "（PCI 总线上的 \(list)）")
    let isHere = !busPlaces.isEmpty || isDriverLoaded
    let without = Finding.ok(
      "gpu", Phrase(en: "no GPU of NVIDIA's: training runs on the CPU", zh: "没有 NVIDIA GPU：在 CPU 上训练"), ["count": 0])
    let log = "dmesg | grep -i -e nvrm -e xid"
    switch libraryError {
    case .versionMismatch:
      let unloading = "rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia"
      return .problem(
        "gpu",
        Phrase(
          en: "the NVIDIA driver was updated, and the old one is still loaded", zh: "NVIDIA 驱动已更新，但加载的还是旧驱动"),
        remedy: Phrase(
          en: "restart the machine, or unload the old one: \(unloading), with no program on the GPU",
          zh: "重启机器；或在没有程序使用 GPU 时卸载旧驱动：\(unloading)"))
    case .driverNotLoaded:
      return .problem(
        "gpu",
        Phrase(
          en: "NVIDIA's driver is installed but not loaded\(places.en)", zh: "NVIDIA 驱动已安装但未加载\(places.zh)"),
        remedy: Phrase(
          en:
            "modprobe nvidia; if that fails, the driver does not fit the running kernel: install it again (dmesg tells "
            + "why). With Secure Boot its modules must be signed",
          zh: "modprobe nvidia；如果失败，说明驱动与当前内核不匹配，请重新安装（dmesg 会说明原因）。启用 Secure Boot 时，驱动模块必须签名"
        ))
    case .noPermission:
      return .problem(
        "gpu",
        Phrase(en: "this user may not open the GPU's device files", zh: "当前用户无权打开 GPU 的设备文件"),
        remedy: Phrase(
          en: "look at ls -l /dev/nvidia*; become a member of their group, or ask for the GPU from the scheduler",
          zh: "查看 ls -l /dev/nvidia*；加入它们所属的组，或向调度器申请 GPU"))
    case .noLibrary where isHere && isContainer:
      return .problem(
        "gpu",
        Phrase(
          en: "the host has a GPU\(places.en), but this container was not given it",
          zh: "宿主机有 GPU\(places.zh)，但没有分配给这个容器"),
        remedy: Phrase(
          en:
            "docker run --gpus all … (needs the NVIDIA container toolkit on the host); Kubernetes: resources, limits, "
            + "nvidia.com/gpu: 1; where NVIDIA_DRIVER_CAPABILITIES is set, it must contain compute and utility",
          zh: "docker run --gpus all …（宿主机需要 NVIDIA container toolkit）；Kubernetes：resources、limits、"
            + "nvidia.com/gpu: 1；如果设置了 NVIDIA_DRIVER_CAPABILITIES，其中必须有 compute 和 utility"))
    case .noLibrary where isHere:
      return .problem(
        "gpu",
        Phrase(en: "there is a GPU of NVIDIA's\(places.en), but no driver", zh: "有 NVIDIA GPU\(places.zh)，但没有驱动"),
        remedy: Phrase(
          en:
            "install NVIDIA's driver, version 580 or later for PyTorch built for CUDA 13, 525 or later for CUDA 12; then "
            + "nvidia-smi must list the GPU",
          zh: "安装 NVIDIA 驱动：为 CUDA 13 构建的 PyTorch 需要 580 或更高版本，CUDA 12 需要 525 或更高版本；之后 nvidia-smi "
            + "应列出 GPU"))
    case .other(let status):
      return .problem(
        "gpu",
        Phrase(
          en: "NVIDIA's driver does not answer (NVML status \(status))", zh: "NVIDIA 驱动没有响应（NVML 状态 \(status)）"),
        remedy: Phrase(
          en: "see what nvidia-smi says, and the kernel's log (\(log))", zh: "查看 nvidia-smi 的输出和内核日志（\(log)）"))
    case .noLibrary: return without
    case nil:
      guard isHere else { return without }
      return .problem(
        "gpu",
        Phrase(
          en: "NVIDIA's driver runs but shows no GPU\(places.en)", zh: "NVIDIA 驱动在运行，但没有列出 GPU\(places.zh)"),
        remedy: isContainer
          ? Phrase(
            en: "start the container with --gpus all; under a scheduler, ask for a GPU",
            zh: "启动容器时加 --gpus all；使用调度器时，请申请 GPU")
          : Phrase(
            en: "see nvidia-smi and the kernel's log (\(log)): the GPU may have fallen off the bus",
            zh: "查看 nvidia-smi 和内核日志（\(log)）：GPU 可能已从总线上掉线"))
    }
  }

  // MARK: - What the driver says

  private var driver: Finding {
    let version = driverVersion.map { Phrase($0) } ?? Phrase(en: "of an unknown version", zh: "（版本未知）")
    let cuda =
      driverCUDA.map { Phrase(en: ", CUDA up to \(Self.text($0))", zh: "，最高支持 CUDA \(Self.text($0))") } ?? Phrase("")
    let values: JSON.Object = [
      "driver": driverVersion.map(JSON.string) ?? .null, "cuda": driverCUDA.map { .string(Self.text($0)) } ?? .null,
    ]
    return .ok(
      "driver",
      Phrase(en: "NVIDIA driver \(version.en)\(cuda.en)", zh: "NVIDIA 驱动 \(version.zh)\(cuda.zh)"), values)
  }

  /// `13.0` of 13000.
  private static func text(_ cuda: Int) -> String { "\(cuda / 1000).\(cuda % 1000 / 10)" }

  private func describe(_ device: Device) -> Finding {
    var parts = [Phrase(en: "GPU \(device.index): \(device.name)", zh: "GPU \(device.index)：\(device.name)")]
    var values: JSON.Object = ["index": .integer(device.index), "name": .string(device.name)]
    if let total = device.memoryBytes {
      let used = device.memoryUsedBytes ?? 0
      let (free, all) = (HumanText.bytes(total - used), HumanText.bytes(total))
      parts.append(Phrase(en: "\(free) of \(all) free", zh: "显存 \(all)，可用 \(free)"))
      (values["memory_bytes"], values["memory_used_bytes"]) = (.integer(total), .integer(used))
    }
    if let capability = device.capability {
      let text = "\(capability / 10).\(capability % 10)"
      let isOld = capability < 80
      parts.append(
        Phrase(
          en: "compute capability \(text)" + (isOld ? " (no bfloat16: fp16 or fp32)" : ""),
          zh: "计算能力 \(text)" + (isOld ? "（没有 bfloat16，用 fp16 或 fp32）" : "")))
      values["compute_capability"] = .string(text)
    }
    if let degrees = device.temperatureCelsius {
      parts.append(Phrase("\(HumanText.fixed(degrees, 0)) °C"))
      values["temperature_celsius"] = .number(degrees)
    }
    return .ok(
      "gpu",
      Phrase(en: parts.map(\.en).joined(separator: ", "), zh: parts.map(\.zh).joined(separator: "，")), values)
  }

  // MARK: - What LibTorch sees

  private var visibility: Finding? {
    guard let visibleText else { return nil }
    let setting = "CUDA_VISIBLE_DEVICES=\(visibleText)"
    let values: JSON.Object = [
      "value": .string(visibleText), "visible": .array(visible.indices.map { .integer($0) }),
    ]
    // Parts of a GPU are not numbered here, and LibTorch's own count tells whether they are seen.
    if visibleText.contains("MIG-") {
      return .ok(
        "visible-devices", Phrase(en: "\(setting) names parts of a GPU", zh: "\(setting) 指定了 GPU 的一部分"), values)
    }
    let last = devices.count - 1
    if visible.indices.isEmpty {
      let reason =
        visible.stray.map { Phrase(en: "\"\($0)\" names none, or one twice", zh: "“\($0)” 不是任何 GPU，或重复了") }
        ?? Phrase(en: "nothing in it names one", zh: "其中没有任何 GPU")
      return .problem(
        "visible-devices",
        visibleText.isEmpty
          ? Phrase(
            en: "CUDA_VISIBLE_DEVICES is set to nothing, which hides every GPU",
            zh: "CUDA_VISIBLE_DEVICES 设为空，所有 GPU 都被隐藏")
          : Phrase(en: "\(setting) shows no GPU: \(reason.en)", zh: "\(setting) 使所有 GPU 都不可见：\(reason.zh)"),
        remedy: Phrase(
          en: "unset CUDA_VISIBLE_DEVICES, or name GPUs of nvidia-smi -L by number: 0 to \(last)",
          zh: "unset CUDA_VISIBLE_DEVICES，或用 nvidia-smi -L 中的编号指定 GPU：0 到 \(last)"), values)
    }
    let shown = Phrase(
      en: "\(setting) shows \(visible.indices.count) of \(HumanText.counted(devices.count, "GPU"))",
      zh: "\(setting) 使 \(devices.count) 个 GPU 中的 \(visible.indices.count) 个可见")
    if let stray = visible.stray {
      return .warning(
        "visible-devices",
        shown
          + Phrase(
            en: ": \"\(stray)\" names none, and hides all GPUs after it",
            zh: "：“\(stray)” 不是任何 GPU，它之后的 GPU 都被隐藏"),
        remedy: Phrase(
          en: "name GPUs of nvidia-smi -L by number, 0 to \(last), separated by commas",
          zh: "用 nvidia-smi -L 中的编号（0 到 \(last)）指定 GPU，用英文逗号分隔"), values)
    }
    return .ok("visible-devices", shown, values)
  }

  /// Whether LibTorch can use the devices, and if not, why.
  private var sight: Finding? {
    let values: JSON.Object = ["count": .integer(libTorchCount)]
    let site = Phrase(
      en: "(pytorch.org/get-started has the line for pip)", zh: "（pip 命令见 pytorch.org/get-started）")
    guard let cuda = libTorch.cuda else {
      let version = libTorch.version ?? libTorch.builtAgainst
      let building =
        "LIBTORCH=$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))') make build"
      return .problem(
        "libtorch-cuda",
        Phrase(
          en:
            "LibTorch \(version) is a build for the CPU alone: the \(devices.count == 1 ? "GPU stays" : "GPUs stay") idle",
          zh: "LibTorch \(version) 仅支持 CPU：GPU 会闲置"),
        remedy: Phrase(
          en: "install PyTorch 2.11 to 2.13 for CUDA \(newestFit.en) \(site.en), then build with it: \(building)",
          zh: "安装支持 CUDA \(newestFit.zh) 的 PyTorch 2.11 至 2.13\(site.zh)，然后用它构建：\(building)"), values)
    }
    if libTorchCount > 0 {
      return capabilityMisfit(cuda)
        ?? .ok(
          "libtorch-cuda",
          Phrase(
            en: "LibTorch sees \(HumanText.counted(libTorchCount, "GPU")) (CUDA \(cuda))",
            zh: "LibTorch 能看到 \(libTorchCount) 个 GPU（CUDA \(cuda)）"), values)
    }
    if let needed = Self.driver(for: cuda), let have = driverVersion.flatMap(Self.major), have < needed {
      let version = driverVersion ?? "\(have)"
      let most = driverCUDA.map { Phrase(en: " (CUDA up to \(Self.text($0)))", zh: "（最高支持 CUDA \(Self.text($0))）") }
      return .problem(
        "libtorch-cuda",
        Phrase(
          en: "LibTorch is built for CUDA \(cuda), which needs driver \(needed) or later; this one is \(version)",
          zh: "LibTorch 为 CUDA \(cuda) 构建，需要 \(needed) 或更高版本的驱动；当前是 \(version)") + (most ?? Phrase("")),
        remedy: Phrase(
          en: "update the driver, or use PyTorch built for CUDA \(newestFit.en) \(site.en) and build with it: "
            + "LIBTORCH=/path/to/torch make build",
          zh: "更新驱动，或改用为 CUDA \(newestFit.zh) 构建的 PyTorch\(site.zh)，并用它构建："
            + "LIBTORCH=/path/to/torch make build"), values)
    }
    guard libTorch.isCUDALoaded else {
      let building = "LIBTORCH=\(libTorch.folder ?? "/path/to/torch") make build"
      return .problem(
        "libtorch-cuda",
        Phrase(
          en: "this LibTorch can use GPUs (CUDA \(cuda)), but the program was built without that part",
          zh: "这个 LibTorch 支持 GPU（CUDA \(cuda)），但程序构建时没有包含这一部分"),
        remedy: Phrase(
          en: "build it again with this very LibTorch: \(building)", zh: "就用这个 LibTorch 重新构建：\(building)"), values)
    }
    // What hides all of them is told already.
    if visibleText != nil, visible.indices.isEmpty, visibleText?.contains("MIG-") != true { return nil }
    return .problem(
      "libtorch-cuda",
      Phrase(
        en: "the driver shows \(HumanText.counted(devices.count, "GPU")), but CUDA does not start",
        zh: "驱动列出 \(devices.count) 个 GPU，但 CUDA 无法启动"),
      remedy: Phrase(
        en:
          "the usual causes: /dev/nvidia-uvm is missing (sudo nvidia-modprobe -u -c=0), the device files are not open to "
          + "this user, or the GPU hangs (nvidia-smi, dmesg | grep -i xid). A restart of the machine helps where nothing else "
          + "does",
        zh: "常见原因：缺少 /dev/nvidia-uvm（sudo nvidia-modprobe -u -c=0）、当前用户无权打开设备文件，或 GPU 卡死"
          + "（nvidia-smi，dmesg | grep -i xid）。都不行时，重启机器"), values)
  }

  /// Devices that LibTorch sees, but has no instructions for.
  private func capabilityMisfit(_ cuda: String) -> Finding? {
    let parts = cuda.split(separator: ".").compactMap { Int($0) }
    guard let major = parts.first else { return nil }
    let version = major * 100 + (parts.count > 1 ? parts[1] : 0)
    let capabilities = devices.compactMap(\.capability)
    func misfit(_ capability: Int, _ fitting: Phrase) -> Finding {
      let name = "\(capability / 10).\(capability % 10)"
      return .problem(
        "libtorch-cuda",
        Phrase(
          en: "CUDA \(cuda) has no instructions for GPUs of compute capability \(name)",
          zh: "CUDA \(cuda) 没有用于计算能力 \(name) 的 GPU 的指令"),
        remedy: Phrase(
          en: "use PyTorch built for CUDA \(fitting.en) (pytorch.org/get-started), and build with it: "
            + "LIBTORCH=/path/to/torch make build",
          zh: "改用为 CUDA \(fitting.zh) 构建的 PyTorch（pytorch.org/get-started），并用它构建：LIBTORCH=/path/to/torch make build"
        ))
    }
    // CUDA 13 ends with Turing; Blackwell begins with CUDA 12.8 (release notes of the CUDA toolkit).
    if major >= 13, let oldest = capabilities.min(), oldest < 75 { return misfit(oldest, Phrase("12.6")) }
    if version < 1208, let newest = capabilities.max(), newest >= 100 {
      return misfit(newest, Phrase(en: "12.8 or later", zh: "12.8 或更高版本"))
    }
    return nil
  }

  /// The newest CUDA whose PyTorch the driver takes.
  private var newestFit: Phrase {
    guard let major = driverVersion.flatMap(Self.major) else { return Phrase(en: "12 or 13", zh: "12 或 13") }
    if major >= 580 { return Phrase("13") }
    return major >= 525 ? Phrase("12") : Phrase(en: "12 (after an update of the driver)", zh: "12（先更新驱动）")
  }

  /// The least driver for programs built for a CUDA: from 12 on any 525, from 13 on any 580 ("Minor Version Compatibility",
  /// docs.nvidia.com/deploy/cuda-compatibility).
  private static func driver(for cuda: String) -> Int? {
    guard let major = cuda.split(separator: ".").first.flatMap({ Int($0) }) else { return nil }
    return major >= 13 ? 580 : major == 12 ? 525 : 450
  }

  private static func major(_ version: String) -> Int? { version.split(separator: ".").first.flatMap { Int($0) } }

  // MARK: - Several GPUs

  private var peers: Finding? {
    guard devices.count > 1 else { return nil }
    let values: JSON.Object = [
      "nvlink": .bool(isFullyLinked), "pairs_without_access": .integer(gaps.count),
    ]
    guard let gap = gaps.first else {
      return .ok(
        "peer-access",
        isFullyLinked
          ? Phrase(en: "all GPUs are connected by NVLink", zh: "所有 GPU 都用 NVLink 连接")
          : Phrase(
            en: "every GPU reaches the others' memory over PCI Express", zh: "每个 GPU 都能通过 PCI Express 访问其他 GPU 的显存"),
        values)
    }
    let reason =
      switch gap.reason {
      case .notByChipset: Phrase(en: "the machine's chipset does not allow it", zh: "主板芯片组不允许")
      case .notByDevice: Phrase(en: "these GPUs cannot", zh: "这些 GPU 不支持")
      case .notByTopology:
        Phrase(en: "they hang on different processors or bridges", zh: "它们接在不同的处理器或桥上")
      case .disabled: Phrase(en: "the driver was told not to", zh: "驱动被设置为不允许")
      case .possible, .notSupported, .unknown: Phrase(en: "the driver does not say why", zh: "驱动没有说明原因")
      }
    let more = gaps.count - 1
    let others =
      more > 0
      ? Phrase(en: " and \(HumanText.counted(more, "other pair"))", zh: "（另有 \(more) 对）") : Phrase("")
    return .warning(
      "peer-access",
      Phrase(
        en: "GPU \(gap.one) and GPU \(gap.other)\(others.en) do not reach each other's memory: \(reason.en)",
        zh: "GPU \(gap.one) 和 GPU \(gap.other)\(others.zh) 不能互相访问显存：\(reason.zh)"),
      remedy: Phrase(
        en:
          "training works, over the host's memory and so slower. If NCCL hangs: NCCL_P2P_DISABLE=1, and switch ACS or the "
          + "IOMMU off in the firmware (nvidia-smi topo -p2p r shows all pairs)",
        zh: "可以训练，但要经过主机内存，因此较慢。如果 NCCL 卡住：设置 NCCL_P2P_DISABLE=1，并在固件中关闭 ACS 或 IOMMU"
          + "（nvidia-smi topo -p2p r 显示所有 GPU 对）"), values)
  }

  private var nccl: Finding? {
    guard libTorch.isCUDALoaded, devices.count > 1 else { return nil }
    if let ncclVersion { return .ok("nccl", Phrase("NCCL \(ncclVersion)"), ["version": .string(ncclVersion)]) }
    let package = "nvidia-nccl-cu\(libTorch.cuda?.prefix { $0 != "." } ?? "13")"
    return .problem(
      "nccl",
      Phrase(en: "LibTorch came without NCCL, which connects the GPUs", zh: "LibTorch 没有附带连接 GPU 的 NCCL"),
      remedy: Phrase(
        en: "python3 -m pip install \(package), beside the PyTorch in use",
        zh: "python3 -m pip install \(package)，装到所用的 PyTorch 旁边"))
  }
}
