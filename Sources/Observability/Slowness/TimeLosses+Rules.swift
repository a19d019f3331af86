/// The rules by which losses of time are found: one for each kind, all in one table. Limits are rules of thumb.
extension TimeLosses {
  /// What a rule finds.
  struct Cost {
    /// What it cost; nil where that cannot be told.
    var seconds: Double?
    var finding: Phrase
    var remedy: Phrase
  }

  typealias Rule = @Sendable (RunTimes, RunMachine) -> Cost?

  static let rules: [(kind: Kind, rule: Rule)] = [
    (.sharedCores, sharedCores), (.tooManyThreads, tooManyThreads), (.wrongType, wrongType), (.data, data),
    (.communication, { isContainerNetwork($0, $1) ? nil : communication($0, $1) }),
    (.containerNetwork, { isContainerNetwork($0, $1) ? containerNetwork($0, $1) : nil }),
    (.straggler, straggler),
    (.checkpoints, { times, _ in isDiskSlow(times) ? nil : checkpoints(times) }),
    (.slowDisk, { times, _ in isDiskSlow(times) ? slowDisk(times) : nil }),
    (.evaluations, evaluations), (.reference, reference), (.smallBatch, smallBatch),
  ]

  /// The kinds that have a rule.
  package static var ruled: Set<Kind> { Set(rules.map(\.kind)) }

  // MARK: - The processor

  private static func sharedCores(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    guard !place.isOnGPU, times.coresTaken > 0.05 else { return nil }
    let wanted = place.processesPerHost * (place.threads ?? 1)
    let cores = place.cores ?? wanted
    let ownFault = place.processesPerHost > 1 && wanted > cores
    return Cost(
      seconds: times.inSteps * times.coresTaken,
      finding: ownFault
        ? Phrase(
          en: "more threads than cores: \(place.processesPerHost) processes of "
            + "\(HumanText.counted(place.threads ?? 1, "thread")) on \(HumanText.counted(cores, "core")), which take them from "
            + "each other",
          zh: "线程比核心多：\(place.processesPerHost) 个进程各有 \(place.threads ?? 1) 个线程，而只有 \(cores) 个核心，它们互相争抢")
        : Phrase(
          en:
            "other programs, or a limit of the container, took \(HumanText.percent(times.coresTaken)) of the cores' time",
          zh: "其他程序或容器的限额占去了核心 \(HumanText.percent(times.coresTaken)) 的时间"),
      remedy: ownFault
        ? Phrase(
          en: "Give each process --threads \(max(1, cores / place.processesPerHost)), or start fewer of them",
          zh: "给每个进程设置 --threads \(max(1, cores / place.processesPerHost))，或减少进程")
        : Phrase(
          en: "`top` shows who takes them; end it, or leave it cores with a smaller --threads",
          zh: "用 top 查看是谁占用；结束它，或减小 --threads 给它留出核心"))
  }

  private static func tooManyThreads(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    guard !place.isOnGPU, let threads = place.threads, let cores = place.cores, threads > cores else { return nil }
    return Cost(
      seconds: times.coresWaited > 0 ? times.inSteps * times.coresWaited : nil,
      finding: Phrase(
        en: "\(HumanText.counted(threads, "thread")) on \(HumanText.counted(cores, "core")): they wait for each other",
        zh: "\(cores) 个核心上有 \(threads) 个线程：它们互相等待"),
      remedy: Phrase(
        en: "Train with --threads \(cores), or leave OMP_NUM_THREADS unset",
        zh: "训练时加 --threads \(cores)，或不设置 OMP_NUM_THREADS"))
  }

  private static func wrongType(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    guard !place.isOnGPU, place.precision != "float32", let native = place.nativeTypes,
      !native.contains(place.precision)
    else { return nil }
    return Cost(
      seconds: nil,
      finding: Phrase(
        en: "products in \(place.precision) on a processor that has none: each number is converted there and back",
        zh: "处理器不支持 \(place.precision)，矩阵乘法的每个数都要来回转换"),
      remedy: Phrase(
        en: "Leave --precision at fp32; on this processor it is the fast one",
        zh: "保留 --precision fp32；在这个处理器上它才快"))
  }

  /// GPUs and AVX-512 units idle where a product has few rows.
  private static func smallBatch(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    // Without cores any batch leaves the peak unused.
    guard times.coresWaited < 0.2, let used = times.utilization, let pairs = place.perDeviceBatch,
      let accumulation = place.accumulation
    else { return nil }
    let tokens = times.tokensPerStep / Double(max(1, place.processes * accumulation))
    let (enough, usual) = place.isOnGPU ? (8192.0, 0.4) : (768.0, 0.6)
    guard tokens > 0, tokens < enough, used < usual else { return nil }
    let computing = max(0, times.inSteps - times.dataWait - times.communication - times.straggler)
    return Cost(
      seconds: computing * (1 - used / usual),
      finding: Phrase(
        en:
          "small micro-batches: \(HumanText.counted(pairs, "pair")), about \(HumanText.grouped(Int(tokens))) tokens, which "
          + "use \(HumanText.percent(used)) of the measured peak",
        zh: "微批次太小：\(pairs) 个偏好对，约 \(HumanText.grouped(Int(tokens))) 个 token，只用到实测峰值的 \(HumanText.percent(used))"
      ),
      remedy: accumulation > 1
        ? Phrase(
          en:
            "Raise --per-device-train-batch-size and lower --gradient-accumulation-steps as much: the result is the same",
          zh: "增大 --per-device-train-batch-size，并按同样的倍数减小 --gradient-accumulation-steps：结果不变")
        : Phrase(
          en:
            "Raise --per-device-train-batch-size, and the learning rate with it; --micro-batch-tokens auto finds the fastest "
            + "size",
          zh: "增大 --per-device-train-batch-size，学习率也随之提高；--micro-batch-tokens auto 会找到最快的大小"))
  }

  // MARK: - Data, network, disk

  private static func data(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    Cost(
      seconds: times.dataWait, finding: Phrase(en: "steps waited for their batches", zh: "优化步在等待批次"),
      remedy: Phrase(
        en: "Batches are packed beside training, so a core was missing for it: leave one free with a smaller --threads",
        zh: "批次在训练的同时打包，说明缺一个核心来做：减小 --threads 空出一个"))
  }

  private static func communication(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    guard place.processes > 1 else { return nil }
    return Cost(
      seconds: times.communication,
      finding: Phrase(
        en: "gradients were on their way while nothing was computed", zh: "传输梯度时没有计算"),
      remedy: place.hostCount > 1
        ? Phrase(
          en:
            "Exchange them less often with more --gradient-accumulation-steps, or over a faster network (doctor measures it "
            + "under launch)",
          zh: "增大 --gradient-accumulation-steps 以减少交换次数，或使用更快的网络（用 launch 启动 doctor 可以测量）")
        : Phrase(
          en: "Exchange them less often with more --gradient-accumulation-steps",
          zh: "增大 --gradient-accumulation-steps 以减少交换次数"))
  }

  private static func isContainerNetwork(_ times: RunTimes, _ place: RunMachine) -> Bool {
    guard place.processes > 1 else { return false }
    return (place.hostCount > 1 && place.isInterfaceVirtual) || isSharedMemorySmall(place)
  }

  /// Docker gives 64 MiB.
  private static func isSharedMemorySmall(_ place: RunMachine) -> Bool {
    place.isOnGPU && place.isContainer && (place.sharedMemoryBytes ?? .max) < 256 << 20
  }

  private static func containerNetwork(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    let bridge = place.hostCount > 1 && place.isInterfaceVirtual
    return Cost(
      seconds: times.communication,
      finding: bridge
        ? Phrase(
          en:
            "gradients went through a bridge of the container (\(place.interface ?? "a virtual interface")) to the other hosts",
          zh: "梯度经过容器的网桥（\(place.interface ?? "虚拟网卡")）传到其他主机")
        : Phrase(
          en: "gradients of the GPUs of a host had only \(HumanText.bytes(place.sharedMemoryBytes ?? 0)) of /dev/shm",
          zh: "同一主机的 GPU 交换梯度时只有 \(HumanText.bytes(place.sharedMemoryBytes ?? 0)) 的 /dev/shm"),
      remedy: bridge
        ? Phrase(en: "Start the containers with --network host", zh: "启动容器时加 --network host")
        : Phrase(
          en: "Start the container with --ipc=host or --shm-size=1g", zh: "启动容器时加 --ipc=host 或 --shm-size=1g"))
  }

  private static func straggler(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    guard let rank = times.slowestRank else { return nil }
    let host = place.hostCount > 1 && rank < place.hosts.count ? place.hosts[rank] : nil
    return Cost(
      seconds: times.straggler,
      finding: Phrase(
        en: "all ranks waited for the slowest, mostly rank \(rank)" + (host.map { " on \($0)" } ?? ""),
        zh: "所有 rank 都在等最慢的一个，多数时候是 rank \(rank)" + (host.map { "（在 \($0) 上）" } ?? "")),
      remedy: Phrase(
        en:
          "Look what else runs there and whether its clock is throttled (doctor); shares are dealt by tokens, so the machine "
          + "is slower, not its data",
        zh: "查看那里还运行着什么、是否降频（doctor）；数据是按 token 数分配的，所以慢的是机器，而不是数据"))
  }

  private static func perCheckpoint(_ times: RunTimes) -> Double? {
    times.checkpointCount.map { times.checkpoints / Double(max(1, $0)) }
  }

  /// A checkpoint for which a run of any size stands still so long.
  private static func isDiskSlow(_ times: RunTimes) -> Bool { perCheckpoint(times).map { $0 > 10 } ?? false }

  private static func slowDisk(_ times: RunTimes) -> Cost {
    Cost(
      seconds: times.checkpoints,
      finding: Phrase(en: "a slow disk: training stood still ", zh: "磁盘慢：每个检查点使训练停顿 ")
        + Phrase { HumanText.duration(seconds: perCheckpoint(times) ?? 0, in: $0) }
        + Phrase(en: " for each checkpoint", zh: ""),
      remedy: Phrase(
        en: "Name a folder on a faster disk with --output-dir, or save less often (--save-steps)",
        zh: "用 --output-dir 指定更快的磁盘上的文件夹，或减少保存次数（--save-steps）"))
  }

  private static func checkpoints(_ times: RunTimes) -> Cost? {
    let each = perCheckpoint(times).map { seconds in Phrase { HumanText.duration(seconds: seconds, in: $0) } }
    return Cost(
      seconds: times.checkpoints,
      finding: Phrase(en: "training stood still while checkpoints were saved", zh: "保存检查点时训练停顿")
        + (each.map { Phrase(en: ", \($0.en) for each", zh: "，每个 \($0.zh)") } ?? Phrase("")),
      remedy: Phrase(en: "Save less often: a larger --save-steps", zh: "减少保存次数：增大 --save-steps"))
  }

  // MARK: - Beside the steps

  private static func evaluations(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    Cost(
      seconds: times.evaluations, finding: Phrase(en: "held-out pairs were evaluated", zh: "评估留出数据"),
      remedy: Phrase(
        en: "Evaluate less often (--eval-steps), or fewer pairs (--eval-split 100)",
        zh: "减少评估次数（--eval-steps），或减少评估的偏好对（--eval-split 100）"))
  }

  private static func reference(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    Cost(
      seconds: times.reference,
      finding: Phrase(
        en: "the reference's log-probabilities were computed ahead", zh: "训练前计算参考模型的对数概率"),
      remedy: Phrase(
        en: "Later runs with the same pairs and reference find them in the cache (--reference-cache), if it is on",
        zh: "之后用同样的偏好对和参考模型训练时，可直接从缓存中读取（--reference-cache，如果启用）"))
  }
}
