import ArgumentParser
import Foundation
import Launcher
import Logging
import MiniMind
import Observability
import Preferences
import Tokenization
import Torch
import Training

import struct Observability.Progress

/// `bench`: how fast this machine trains, and how close that comes to what it could.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures training speed: pairs/s, tokens/s, and the share of this machine's matrix-product rate.",
    discussion: """
      Without --train-data the pairs are made up: random tokens, --prefix-tokens that both sides share and two \
      tails of --tail-tokens. Utilization is MFU: the FLOPs that the real tokens need per second over the peak, which is the larger of the \
      rate of float32 matmuls of the feed-forward network's shape, measured after the steps, and the rate of the steps. FLOPs: 2 per weight and token and 4 per head dimension and visible \
      token forward, twice that backward, once more forward for an online reference.
      --scaling measures 1 … N processes on the same pairs, in turns, and prints the efficiency against one.
      """)

  @OptionGroup(title: "Workload") var workload: BenchWorkload
  @OptionGroup(title: "Pairs") var pairs: PairArguments
  @Flag(help: "Print one JSON object instead of a table.")
  var json = false
  @OptionGroup var config: ConfigArguments
  @OptionGroup var processes: ProcessArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "Several processes") var distribution: DistributionArguments
  @OptionGroup(title: "Scaling") var scaling: ScalingArguments

  func validate() throws {
    guard scaling.scaling == nil || device.threads != nil else {
      throw ValidationError("--scaling needs --threads: the threads of each process, the same for any number of them.")
    }
  }

  func run() throws {
    let environment = try WorkerEnvironment(ProcessInfo.processInfo.environment)
    if let largest = scaling.scaling {
      guard !environment.isDistributed else {
        throw Failure(
          .usage, "bench --scaling starts its processes itself; run it without \(environment.startedBy.rawValue).")
      }
      return try ScalingBenchmark(
        .init(
          largest: largest, rounds: scaling.rounds, steps: workload.steps, model: workload.shape.rawValue,
          threads: device.threads ?? 1, arguments: workerArguments, printsJSON: json)
      ).run()
    }
    let job = try Job(environment, distribution.value, placement: device.place(sharing: distribution.backend == .gloo))
    try job.together {
      let figures = try measure(job)
      if job.isFirst { Output.line(json ? figures.json.serialized(.python) : figures.table) }
    }
  }

  /// The options of every process, but for its steps.
  private var workerArguments: [String] {
    var arguments = [
      "--shape", workload.shape.rawValue, "--batch-size",
      "\(workload.batch.perDeviceTrainBatchSize)", "--prefix-tokens", "\(workload.prefixTokens)", "--tail-tokens",
      "\(workload.tailTokens)", "--ref-logps", workload.refLogps.rawValue, "--max-length", "\(pairs.maxLength)",
      "--threads", "\(device.threads ?? 1)", "--truncation-mode", pairs.truncationMode.rawValue,
      "--empty-think", pairs.emptyThink.rawValue, "--completion-mask", pairs.completionMask.rawValue,
      "--backend", distribution.backend.rawValue, "--collective-timeout",
      "\(distribution.collectiveTimeout)",
    ]
    arguments += ["--device", device.device.rawValue]
    if device.precision != .auto { arguments += ["--precision", device.precision.rawValue] }
    if device.bf16 { arguments.append("--bf16") }
    if device.fp16 { arguments.append("--fp16") }
    if device.tf32 { arguments.append("--tf32") }
    if device.noCudaGraphs { arguments.append("--no-cuda-graphs") }
    if pairs.skipBadLines { arguments.append("--skip-bad-lines") }
    if let cache = pairs.tokenCache { arguments += ["--token-cache", cache] }
    arguments += ["--gradient-accumulation-steps", "\(workload.batch.gradientAccumulationSteps)"]
    if let tokens = workload.batch.microBatchTokens { arguments += ["--micro-batch-tokens", tokens.description] }
    if workload.batch.gradientCheckpointing { arguments.append("--gradient-checkpointing") }
    arguments += workload.trainData.map { "--train-data=\($0)" }
    if !pairs.columns.isEmpty { arguments += ["--columns", "\(pairs.columns)"] }
    if let limit = pairs.maxSamples { arguments += ["--max-samples", "\(limit)"] }
    if let margin = pairs.minMargin { arguments.append("--min-margin=\(margin)") }
    if pairs.applyChatTemplate { arguments.append("--apply-chat-template") }
    if let tokenizer = workload.tokenizer { arguments += ["--tokenizer", tokenizer] }
    return arguments
  }

  /// Takes the steps, and asks all ranks where their time went.
  private func measure(_ job: Job) throws -> BenchFigures {
    let policy = try CausalLM(ModelConfiguration(workload.shape.json))
    try policy.initializeRandomly(seed: 42)
    try policy.place(on: job.placement.device, multiplyingIn: job.placement.type)
    policy.recomputesLayers = workload.batch.gradientCheckpointing
    var options = TrainingOptions()
    workload.batch.set(&options)
    options.maxSteps = workload.steps + workload.warmUpSteps
    options.cachesReference = workload.refLogps == .cache
    options.shuffles = false
    options.recordsPasses = !device.noCudaGraphs
    let learned = try workload.pairs(
      vocabulary: policy.configuration.vocabularySize, processes: job.worldSize, options: pairs)
    let trainer = try Trainer(
      policy: policy, reference: policy.copy(), pairs: learned, options: options, ranks: job.ranks(),
      activity: job.activity)
    let progress = ProgressLine()
    if options.cachesReference { try trainer.prepareReference() }
    if options.findsMicroBatchTokens { _ = try trainer.findMicroBatchTokens(memory: job.placement.memory) }
    // The last step's pairs warm up, so that the measured ones are the same for any number of processes.
    for _ in 0..<workload.warmUpSteps { _ = try trainer.step() }
    try trainer.rehearse()

    var figures = BenchFigures(model: workload.shape.rawValue, processes: job.worldSize)
    figures.microBatchTokens = trainer.options.microBatchTokens
    func take(_ report: StepReport) {
      figures.add(report)
      let batch = TreeBatch(trainer.plan.pairs(ofStep: report.step).map { learned[$0] })
      figures.operations += FLOPs.training(
        batch, of: policy.configuration, onlineReference: !options.cachesReference)
    }
    for step in 1...workload.steps {
      if let report = try trainer.advance() { take(report) }
      if job.isFirst { progress.update(Progress(task: "bench", done: step, total: workload.steps)) }
    }
    if let last = try trainer.finish() { take(last) }
    progress.finish()
    if let reason = trainer.recordingRefusal { Logger(label: "bench").warning("CUDA graphs are not used: \(reason)") }
    let rows = Int(figures.tokens) / workload.steps / job.worldSize
    // All at once, since processes share the machine's memory and its clock.
    try job.communicator?.group.barrier()
    let peak = try PeakRate.measure(
      of: policy.configuration, tokens: rows, device: job.placement.device, type: job.placement.type)
    figures.peak = try job.communicator?.group.sum([peak])[0] ?? peak
    let memory = try Double(
      job.placement.ordinal.map { try CUDA.memory(of: $0).peak } ?? ProcessMemory.current()?.peakBytes ?? 0)
    figures.peakMemory = try job.communicator?.group.gather([memory]).map { $0[0] } ?? [memory]
    return figures
  }
}

/// What is trained on, and how long.
struct BenchWorkload: ParsableArguments {
  @Option(help: "A shape of MiniMind's, with random weights: minimind-3, minimind-3-moe, minimind2, minimind2-small.")
  var shape = NamedShape.miniMind3
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Preference pairs; needs --tokenizer. Several files, their weights and numbers of pairs as with train.",
      valueName: "file"), transform: DataFileName.source)
  var trainData: [PairSource] = []
  @Option(help: ArgumentHelp("The folder of the tokenizer for --train-data.", valueName: "folder"))
  var tokenizer: String?
  @Option(help: ArgumentHelp("Shared tokens of a made-up pair.", valueName: "tokens"))
  var prefixTokens = 256
  @Option(help: ArgumentHelp("Tokens of each side after the shared ones.", valueName: "tokens"))
  var tailTokens = 192
  @OptionGroup var batch: BatchArguments
  @Option(help: ArgumentHelp("Steps that are measured, after those of warm-up.", valueName: "steps"))
  var steps = 4
  @Option(help: ArgumentHelp("Steps before them; more on a GPU, which compiles its kernels first.", valueName: "steps"))
  var warmUpSteps = 1
  @Option(help: "The reference's log-probabilities: online, or cache (computed before what is measured).")
  var refLogps = ReferenceMode.online

  func validate() throws {
    guard steps >= 1, warmUpSteps >= 1, prefixTokens >= 1, tailTokens >= 1 else {
      throw ValidationError("--steps, --warm-up-steps, --prefix-tokens and --tail-tokens must be at least 1.")
    }
    guard trainData.isEmpty == (tokenizer == nil) else {
      throw ValidationError("--train-data and --tokenizer belong together.")
    }
  }

  /// The pairs of all steps: those that are measured, and before them the last step's, again and again, to warm up.
  func pairs(vocabulary: Int, processes: Int, options: PairArguments) throws -> [TokenizedPair] {
    let step = processes * batch.pairsOfStep
    let measured = try trainData.isEmpty ? madeUp(step * steps, vocabulary: vocabulary) : read(step * steps, options)
    return Array(repeating: measured.suffix(step), count: warmUpSteps).flatMap(\.self) + measured
  }

  private func read(_ count: Int, _ options: PairArguments) throws -> [TokenizedPair] {
    guard let tokenizer else { return [] }
    let folder = URL(fileURLWithPath: tokenizer, isDirectory: true)
    let files = try trainData.map { source in
      let prepared = try PreparedPairs(
        contentsOf: source.path, tokenizer: Tokenizer(folder: folder), folder: folder,
        options: options.options(seed: 42), cache: options.cache)
      return (source: source, prepared: prepared)
    }
    let data = try TrainingData(files, seed: 42)
    // In file order, or as weights interleave them: always the same pairs.
    let usable = data.mixture.order(ofEpoch: 0, shuffles: false, seed: 42).map { data.pairs[$0] }
    guard usable.count >= count else {
      throw Failure(
        .badData,
        "\(trainData.map(\.path).joined(separator: ", ")): \(HumanText.counted(usable.count, "pair")) to learn from, but \(count) are to be measured. Lower --steps."
      )
    }
    return Array(usable.prefix(count))
  }

  private func madeUp(_ count: Int, vocabulary: Int) -> [TokenizedPair] {
    var generator = SeededGenerator(seed: 42)
    func draw(_ count: Int) -> [Int32] { (0..<count).map { _ in Int32(generator.below(vocabulary)) } }
    return (0..<count).map { index in
      let prefix = draw(prefixTokens)
      let targets = [Bool](repeating: false, count: prefixTokens) + [Bool](repeating: true, count: tailTokens)
      return TokenizedPair(
        index: index, chosenIDs: prefix + draw(tailTokens), rejectedIDs: prefix + draw(tailTokens),
        chosenTargets: targets, rejectedTargets: targets, sharedPrefix: prefixTokens)
    }
  }
}
