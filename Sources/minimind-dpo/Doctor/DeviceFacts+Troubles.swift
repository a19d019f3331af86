import Observability

/// What may be wrong with a GPU that the driver shows.
extension DeviceFacts {
  /// What is wrong with a device, each with its remedy; nothing where all is well.
  func troubles(_ device: Device) -> [Finding] {
    let name = "GPU \(device.index)"
    var findings: [Finding] = []
    if let used = device.memoryUsedBytes, let total = device.memoryBytes, used > total / 10 {
      findings.append(
        .warning(
          "gpu-memory",
          Phrase(
            en: "\(name): \(HumanText.bytes(used)) of its memory are taken by other programs",
            zh: "\(name)：\(HumanText.bytes(used)) 显存被其他程序占用"),
          remedy: Phrase(
            en: "see nvidia-smi for who; choose another GPU with CUDA_VISIBLE_DEVICES, or end them",
            zh: "用 nvidia-smi 查看是谁；用 CUDA_VISIBLE_DEVICES 选择别的 GPU，或结束那些程序")))
    }
    let opening = "sudo nvidia-smi -i \(device.index) -c DEFAULT"
    switch device.computeMode {
    case .shared: break
    case .prohibited:
      findings.append(
        .problem(
          "gpu-mode", Phrase(en: "\(name) is closed to computing", zh: "\(name) 禁止计算"), remedy: Phrase(opening)))
    case .exclusive:
      findings.append(
        .warning(
          "gpu-mode", Phrase(en: "\(name) takes one process at a time", zh: "\(name) 同时只允许一个进程"),
          remedy: Phrase(
            en: "start one process for each GPU, or \(opening)", zh: "每个 GPU 只启动一个进程，或 \(opening)")))
    }
    if device.isDivided {
      findings.append(
        .warning(
          "gpu-parts",
          Phrase(
            en: "\(name) is divided into parts (MIG), of which a process sees one, and NCCL connects none",
            zh: "\(name) 被划分成几份（MIG），一个进程只能看到其中一份，NCCL 也无法连接它们"),
          remedy: Phrase(
            en: "train in one process, with CUDA_VISIBLE_DEVICES=MIG-… from nvidia-smi -L; for all of the GPU: sudo "
              + "nvidia-smi -i \(device.index) -mig 0",
            zh: "用单进程训练，CUDA_VISIBLE_DEVICES=MIG-… 取自 nvidia-smi -L；要用整个 GPU：sudo nvidia-smi -i "
              + "\(device.index) -mig 0")))
    }
    let slowed = device.clockReasons.intersection(.throttling)
    if !slowed.isEmpty {
      let reasons = slowed.phrases
      findings.append(
        .warning(
          "gpu-clock",
          Phrase(
            en: "\(name) is slowed down: \(reasons.map(\.en).joined(separator: ", "))",
            zh: "\(name) 被降频：\(reasons.map(\.zh).joined(separator: "、"))"),
          remedy: Phrase(
            en: "look after its cooling and power supply (nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER)",
            zh: "检查散热和供电（nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER）")))
    }
    return findings + [memoryErrors(device, name)].compactMap(\.self)
  }

  private func memoryErrors(_ device: Device, _ name: String) -> Finding? {
    let resetting = "sudo nvidia-smi -i \(device.index) -r"
    if device.health.hasFailed == true {
      return .problem(
        "gpu-errors",
        Phrase(
          en: "\(name): its memory has failed, and no spare rows are left", zh: "\(name)：显存已损坏，备用行也已用完"),
        remedy: Phrase(
          en: "have the GPU exchanged; until then leave it out with CUDA_VISIBLE_DEVICES",
          zh: "更换这个 GPU；在此之前用 CUDA_VISIBLE_DEVICES 排除它"))
    }
    if let errors = device.health.uncorrectedErrors, errors > 0 {
      return .warning(
        "gpu-errors",
        Phrase(
          en:
            "\(name): \(HumanText.counted(errors, "memory error")) since the driver was loaded that could not be corrected",
          zh: "\(name)：加载驱动以来有 \(errors) 个无法纠正的显存错误"),
        remedy: Phrase(
          en: "reset it when no program uses it (\(resetting)); if they come back, have it exchanged",
          zh: "在没有程序使用时重置它（\(resetting)）；如果错误再次出现，请更换"))
    }
    guard device.health.isPending == true else { return nil }
    return .warning(
      "gpu-errors",
      Phrase(en: "\(name): faulty memory waits to be taken out of use", zh: "\(name)：有故障的显存等待停用"),
      remedy: Phrase(
        en: "reset it when no program uses it: \(resetting)", zh: "在没有程序使用时重置它：\(resetting)"))
  }
}
