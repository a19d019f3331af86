/// The rules by which losses of time are found: one for each kind, all in one table. Limits are rules of thumb.
extension TimeLosses {
  /// What a rule finds.
  struct Cost {
    /// What it cost; nil where that cannot be told.
    var seconds: Double?
    var finding: String
    var remedy: String
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
        ? "more threads than cores: \(place.processesPerHost) processes of \(HumanText.counted(place.threads ?? 1, "thread")) on "
          + "\(HumanText.counted(cores, "core")), which take them from each other"
        : "other programs, or a limit of the container, took \(HumanText.percent(times.coresTaken)) of the cores' time",
      remedy: ownFault
        ? "Give each process --threads \(max(1, cores / place.processesPerHost)), or start fewer of them"
        : "`top` shows who takes them; end it, or leave it cores with a smaller --threads")
  }

  private static func tooManyThreads(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    guard !place.isOnGPU, let threads = place.threads, let cores = place.cores, threads > cores else { return nil }
    return Cost(
      seconds: times.coresWaited > 0 ? times.inSteps * times.coresWaited : nil,
      finding:
        "\(HumanText.counted(threads, "thread")) on \(HumanText.counted(cores, "core")): they wait for each other",
      remedy: "Train with --threads \(cores), or leave OMP_NUM_THREADS unset")
  }

  private static func wrongType(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    guard !place.isOnGPU, place.precision != "float32", let native = place.nativeTypes,
      !native.contains(place.precision)
    else { return nil }
    return Cost(
      seconds: nil,
      finding: "products in \(place.precision) on a processor that has none: each number is converted there and back",
      remedy: "Leave --precision at fp32; on this processor it is the fast one")
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
      finding:
        "small micro-batches: \(HumanText.counted(pairs, "pair")), about \(HumanText.grouped(Int(tokens))) tokens, which use "
        + "\(HumanText.percent(used)) of the measured peak",
      remedy: accumulation > 1
        ? "Raise --per-device-train-batch-size and lower --gradient-accumulation-steps as much: the result is the same"
        : "Raise --per-device-train-batch-size, and the learning rate with it; --micro-batch-tokens auto finds the fastest size"
    )
  }

  // MARK: - Data, network, disk

  private static func data(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    Cost(
      seconds: times.dataWait, finding: "steps waited for their batches",
      remedy:
        "Batches are packed beside training, so a core was missing for it: leave one free with a smaller --threads")
  }

  private static func communication(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    guard place.processes > 1 else { return nil }
    return Cost(
      seconds: times.communication, finding: "gradients were on their way while nothing was computed",
      remedy: place.hostCount > 1
        ? "Exchange them less often with more --gradient-accumulation-steps, or over a faster network (doctor measures it under "
          + "launch)"
        : "Exchange them less often with more --gradient-accumulation-steps")
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
        ? "gradients went through a bridge of the container (\(place.interface ?? "a virtual interface")) to the other hosts"
        : "gradients of the GPUs of a host had only \(HumanText.bytes(place.sharedMemoryBytes ?? 0)) of /dev/shm",
      remedy: bridge
        ? "Start the containers with --network host" : "Start the container with --ipc=host or --shm-size=1g")
  }

  private static func straggler(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    guard let rank = times.slowestRank else { return nil }
    let host = place.hostCount > 1 && rank < place.hosts.count ? " on \(place.hosts[rank])" : ""
    return Cost(
      seconds: times.straggler, finding: "all ranks waited for the slowest, mostly rank \(rank)\(host)",
      remedy:
        "Look what else runs there and whether its clock is throttled (doctor); shares are dealt by tokens, so the machine is "
        + "slower, not its data")
  }

  private static func perCheckpoint(_ times: RunTimes) -> Double? {
    times.checkpointCount.map { times.checkpoints / Double(max(1, $0)) }
  }

  /// A checkpoint for which a run of any size stands still so long.
  private static func isDiskSlow(_ times: RunTimes) -> Bool { perCheckpoint(times).map { $0 > 10 } ?? false }

  private static func slowDisk(_ times: RunTimes) -> Cost {
    Cost(
      seconds: times.checkpoints,
      finding:
        "a slow disk: training stood still \(HumanText.duration(seconds: perCheckpoint(times) ?? 0)) for each checkpoint",
      remedy: "Name a folder on a faster disk with --output-dir, or save less often (--save-steps)")
  }

  private static func checkpoints(_ times: RunTimes) -> Cost? {
    let each = perCheckpoint(times).map { ", \(HumanText.duration(seconds: $0)) for each" } ?? ""
    return Cost(
      seconds: times.checkpoints, finding: "training stood still while checkpoints were saved\(each)",
      remedy: "Save less often: a larger --save-steps")
  }

  // MARK: - Beside the steps

  private static func evaluations(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    Cost(
      seconds: times.evaluations, finding: "held-out pairs were evaluated",
      remedy: "Evaluate less often (--eval-steps), or fewer pairs (--eval-split 100)")
  }

  private static func reference(_ times: RunTimes, _ place: RunMachine) -> Cost? {
    Cost(
      seconds: times.reference, finding: "the reference's log-probabilities were computed ahead",
      remedy: "Later runs with the same pairs and reference find them in the cache (--reference-cache), if it is on")
  }
}
