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
    let places = busPlaces.isEmpty ? "" : " (\(busPlaces.joined(separator: ", ")) on the PCI bus)"
    let isHere = !busPlaces.isEmpty || isDriverLoaded
    switch libraryError {
    case .versionMismatch:
      return .problem(
        "gpu", "the NVIDIA driver was updated, and the old one is still loaded",
        remedy:
          "restart the machine, or unload the old one: rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia, with no program on the GPU"
      )
    case .driverNotLoaded:
      return .problem(
        "gpu", "NVIDIA's driver is installed but not loaded\(places)",
        remedy:
          "modprobe nvidia; if that fails, the driver does not fit the running kernel: install it again (dmesg tells why). "
          + "With Secure Boot its modules must be signed")
    case .noPermission:
      return .problem(
        "gpu", "this user may not open the GPU's device files",
        remedy: "look at ls -l /dev/nvidia*; become a member of their group, or ask for the GPU from the scheduler")
    case .noLibrary where isHere && isContainer:
      return .problem(
        "gpu", "the host has a GPU\(places), but this container was not given it",
        remedy:
          "docker run --gpus all … (needs the NVIDIA container toolkit on the host); Kubernetes: resources, limits, "
          + "nvidia.com/gpu: 1; where NVIDIA_DRIVER_CAPABILITIES is set, it must contain compute and utility")
    case .noLibrary where isHere:
      return .problem(
        "gpu", "there is a GPU of NVIDIA's\(places), but no driver",
        remedy:
          "install NVIDIA's driver, version 580 or later for PyTorch built for CUDA 13, 525 or later for CUDA 12; then "
          + "nvidia-smi must list the GPU")
    case .other(let status):
      return .problem(
        "gpu", "NVIDIA's driver does not answer (NVML status \(status))",
        remedy: "see what nvidia-smi says, and the kernel's log (dmesg | grep -i -e nvrm -e xid)")
    case .noLibrary:
      return .ok("gpu", "no GPU of NVIDIA's: training runs on the CPU", ["count": 0])
    case nil:
      return isHere
        ? .problem(
          "gpu", "NVIDIA's driver runs but shows no GPU\(places)",
          remedy: isContainer
            ? "start the container with --gpus all; under a scheduler, ask for a GPU"
            : "see nvidia-smi and the kernel's log (dmesg | grep -i -e nvrm -e xid): the GPU may have fallen off the bus"
        )
        : .ok("gpu", "no GPU of NVIDIA's: training runs on the CPU", ["count": 0])
    }
  }

  // MARK: - What the driver says

  private var driver: Finding {
    let version = driverVersion ?? "of an unknown version"
    let cuda = driverCUDA.map { ", CUDA up to \(Self.text($0))" } ?? ""
    let values: JSON.Object = [
      "driver": driverVersion.map(JSON.string) ?? .null, "cuda": driverCUDA.map { .string(Self.text($0)) } ?? .null,
    ]
    return .ok("driver", "NVIDIA driver \(version)\(cuda)", values)
  }

  /// `13.0` of 13000.
  private static func text(_ cuda: Int) -> String { "\(cuda / 1000).\(cuda % 1000 / 10)" }

  private func describe(_ device: Device) -> Finding {
    var parts = ["GPU \(device.index): \(device.name)"]
    var values: JSON.Object = ["index": .integer(device.index), "name": .string(device.name)]
    if let total = device.memoryBytes {
      let used = device.memoryUsedBytes ?? 0
      parts.append("\(HumanText.bytes(total - used)) of \(HumanText.bytes(total)) free")
      (values["memory_bytes"], values["memory_used_bytes"]) = (.integer(total), .integer(used))
    }
    if let capability = device.capability {
      let text = "\(capability / 10).\(capability % 10)"
      parts.append("compute capability \(text)" + (capability < 80 ? " (no bfloat16: fp16 or fp32)" : ""))
      values["compute_capability"] = .string(text)
    }
    if let degrees = device.temperatureCelsius {
      parts.append("\(HumanText.fixed(degrees, 0)) °C")
      values["temperature_celsius"] = .number(degrees)
    }
    return .ok("gpu", parts.joined(separator: ", "), values)
  }

  private func troubles(_ device: Device) -> [Finding] {
    let name = "GPU \(device.index)"
    var findings: [Finding] = []
    if let used = device.memoryUsedBytes, let total = device.memoryBytes, used > total / 10 {
      findings.append(
        .warning(
          "gpu-memory", "\(name): \(HumanText.bytes(used)) of its memory are taken by other programs",
          remedy: "see nvidia-smi for who; choose another GPU with CUDA_VISIBLE_DEVICES, or end them"))
    }
    switch device.computeMode {
    case .shared: break
    case .prohibited:
      findings.append(
        .problem("gpu-mode", "\(name) is closed to computing", remedy: "sudo nvidia-smi -i \(device.index) -c DEFAULT"))
    case .exclusive:
      findings.append(
        .warning(
          "gpu-mode", "\(name) takes one process at a time",
          remedy: "start one process for each GPU, or sudo nvidia-smi -i \(device.index) -c DEFAULT"))
    }
    if device.isDivided {
      findings.append(
        .warning(
          "gpu-parts", "\(name) is divided into parts (MIG), of which a process sees one, and NCCL connects none",
          remedy: "train in one process, with CUDA_VISIBLE_DEVICES=MIG-… from nvidia-smi -L; for all of the GPU: sudo "
            + "nvidia-smi -i \(device.index) -mig 0"))
    }
    let slowed = device.clockReasons.intersection(.throttling)
    if !slowed.isEmpty {
      findings.append(
        .warning(
          "gpu-clock", "\(name) is slowed down: \(slowed.words.joined(separator: ", "))",
          remedy: "look after its cooling and power supply (nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER)"))
    }
    if device.health.hasFailed == true {
      findings.append(
        .problem(
          "gpu-errors", "\(name): its memory has failed, and no spare rows are left",
          remedy: "have the GPU exchanged; until then leave it out with CUDA_VISIBLE_DEVICES"))
    } else if let errors = device.health.uncorrectedErrors, errors > 0 {
      findings.append(
        .warning(
          "gpu-errors",
          "\(name): \(errors) memory error\(errors == 1 ? "" : "s") since the driver was loaded that could not be corrected",
          remedy:
            "reset it when no program uses it (sudo nvidia-smi -i \(device.index) -r); if they come back, have it exchanged"
        ))
    } else if device.health.isPending == true {
      findings.append(
        .warning(
          "gpu-errors", "\(name): faulty memory waits to be taken out of use",
          remedy: "reset it when no program uses it: sudo nvidia-smi -i \(device.index) -r"))
    }
    return findings
  }

  // MARK: - What LibTorch sees

  private var visibility: Finding? {
    guard let visibleText else { return nil }
    let setting = "CUDA_VISIBLE_DEVICES=\(visibleText)"
    let values: JSON.Object = [
      "value": .string(visibleText), "visible": .array(visible.indices.map { .integer($0) }),
    ]
    // Parts of a GPU are not numbered here, and LibTorch's own count tells whether they are seen.
    if visibleText.contains("MIG-") { return .ok("visible-devices", "\(setting) names parts of a GPU", values) }
    if visible.indices.isEmpty {
      return .problem(
        "visible-devices",
        visibleText.isEmpty
          ? "CUDA_VISIBLE_DEVICES is set to nothing, which hides every GPU"
          : "\(setting) shows no GPU: \(visible.stray.map { "\"\($0)\" names none, or one twice" } ?? "nothing in it names one")",
        remedy: "unset CUDA_VISIBLE_DEVICES, or name GPUs of nvidia-smi -L by number: 0 to \(devices.count - 1)", values
      )
    }
    let shown = "\(setting) shows \(visible.indices.count) of \(HumanText.counted(devices.count, "GPU"))"
    if let stray = visible.stray {
      return .warning(
        "visible-devices", "\(shown): \"\(stray)\" names none, and hides all GPUs after it",
        remedy: "name GPUs of nvidia-smi -L by number, 0 to \(devices.count - 1), separated by commas", values)
    }
    return .ok("visible-devices", shown, values)
  }

  /// Whether LibTorch can use the devices, and if not, why.
  private var sight: Finding? {
    let values: JSON.Object = ["count": .integer(libTorchCount)]
    guard let cuda = libTorch.cuda else {
      return .problem(
        "libtorch-cuda",
        "LibTorch \(libTorch.version ?? libTorch.builtAgainst) is a build for the CPU alone: the \(devices.count == 1 ? "GPU stays" : "GPUs stay") idle",
        remedy:
          "install PyTorch 2.11 to 2.13 for CUDA \(newestFit) (pytorch.org/get-started has the line for pip), then build "
          + "with it: LIBTORCH=$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))') make build",
        values)
    }
    if libTorchCount > 0 {
      let misfit = capabilityMisfit(cuda)
      return misfit
        ?? .ok("libtorch-cuda", "LibTorch sees \(HumanText.counted(libTorchCount, "GPU")) (CUDA \(cuda))", values)
    }
    if let needed = Self.driver(for: cuda), let have = driverVersion.flatMap(Self.major), have < needed {
      return .problem(
        "libtorch-cuda",
        "LibTorch is built for CUDA \(cuda), which needs driver \(needed) or later; this one is \(driverVersion ?? "older")"
          + (driverCUDA.map { " (CUDA up to \(Self.text($0)))" } ?? ""),
        remedy:
          "update the driver, or use PyTorch built for CUDA \(newestFit) (pytorch.org/get-started has the line for pip) and "
          + "build with it: LIBTORCH=/path/to/torch make build", values)
    }
    guard libTorch.isCUDALoaded else {
      return .problem(
        "libtorch-cuda", "this LibTorch can use GPUs (CUDA \(cuda)), but the program was built without that part",
        remedy: "build it again with this very LibTorch: LIBTORCH=\(libTorch.folder ?? "/path/to/torch") make build",
        values)
    }
    // What hides all of them is told already.
    if visibleText != nil, visible.indices.isEmpty, visibleText?.contains("MIG-") != true { return nil }
    return .problem(
      "libtorch-cuda", "the driver shows \(HumanText.counted(devices.count, "GPU")), but CUDA does not start",
      remedy:
        "the usual causes: /dev/nvidia-uvm is missing (sudo nvidia-modprobe -u -c=0), the device files are not open to "
        + "this user, or the GPU hangs (nvidia-smi, dmesg | grep -i xid). A restart of the machine helps where nothing else does",
      values)
  }

  /// Devices that LibTorch sees, but has no instructions for.
  private func capabilityMisfit(_ cuda: String) -> Finding? {
    let parts = cuda.split(separator: ".").compactMap { Int($0) }
    guard let major = parts.first else { return nil }
    let version = major * 100 + (parts.count > 1 ? parts[1] : 0)
    let capabilities = devices.compactMap(\.capability)
    // CUDA 13 ends with Turing; Blackwell begins with CUDA 12.8 (release notes of the CUDA toolkit).
    if major >= 13, let oldest = capabilities.min(), oldest < 75 {
      return .problem(
        "libtorch-cuda",
        "CUDA \(cuda) has no instructions for GPUs of compute capability \(oldest / 10).\(oldest % 10)",
        remedy:
          "use PyTorch built for CUDA 12.6 (pytorch.org/get-started), and build with it: LIBTORCH=/path/to/torch make build"
      )
    }
    if version < 1208, let newest = capabilities.max(), newest >= 100 {
      return .problem(
        "libtorch-cuda",
        "CUDA \(cuda) has no instructions for GPUs of compute capability \(newest / 10).\(newest % 10)",
        remedy:
          "use PyTorch built for CUDA 12.8 or later (pytorch.org/get-started), and build with it: LIBTORCH=/path/to/torch make build"
      )
    }
    return nil
  }

  /// The newest CUDA whose PyTorch the driver takes.
  private var newestFit: String {
    guard let major = driverVersion.flatMap(Self.major) else { return "12 or 13" }
    return major >= 580 ? "13" : major >= 525 ? "12" : "12 (after an update of the driver)"
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
        isFullyLinked ? "all GPUs are connected by NVLink" : "every GPU reaches the others' memory over PCI Express",
        values)
    }
    let reason =
      switch gap.reason {
      case .notByChipset: "the machine's chipset does not allow it"
      case .notByDevice: "these GPUs cannot"
      case .notByTopology: "they hang on different processors or bridges"
      case .disabled: "the driver was told not to"
      case .possible, .notSupported, .unknown: "the driver does not say why"
      }
    let others = gaps.count > 1 ? " and \(HumanText.counted(gaps.count - 1, "other pair"))" : ""
    return .warning(
      "peer-access", "GPU \(gap.one) and GPU \(gap.other)\(others) do not reach each other's memory: \(reason)",
      remedy:
        "training works, over the host's memory and so slower. If NCCL hangs: NCCL_P2P_DISABLE=1, and switch ACS or the "
        + "IOMMU off in the firmware (nvidia-smi topo -p2p r shows all pairs)", values)
  }

  private var nccl: Finding? {
    guard libTorch.isCUDALoaded, devices.count > 1 else { return nil }
    if let ncclVersion { return .ok("nccl", "NCCL \(ncclVersion)", ["version": .string(ncclVersion)]) }
    return .problem(
      "nccl", "LibTorch came without NCCL, which connects the GPUs",
      remedy:
        "python3 -m pip install nvidia-nccl-cu\(libTorch.cuda?.prefix { $0 != "." } ?? "13"), beside the PyTorch in use"
    )
  }
}
