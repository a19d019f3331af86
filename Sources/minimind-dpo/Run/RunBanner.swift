import Collectives
import Foundation
import Logging
import Observability
import Preferences
import Torch
import Training

/// What a run says before its first step: what trains where, on how much, and how fast it learns.
struct RunBanner {
  let trainer: Trainer
  let job: Job
  /// What is learned from.
  let examples: ExampleKind

  /// The lines, in order.
  var lines: [Phrase] { [model] + processes + [batch, rate] }

  private var model: Phrase {
    let configuration = trainer.policy.configuration
    let type = trainer.policy.productType
    return TrainingWords.model(
      parameters: HumanText.count(Double(configuration.parameterCount)), experts: experts,
      layers: configuration.layerCount,
      width: configuration.hiddenSize, precision: TrainingWords.precision(type.rawValue, isFull: type == .float32),
      device: job.placement.description, threads: job.placement.ordinal == nil ? Runtime.threadCount : nil,
      isJob: job.communicator != nil, trained: trained)
  }

  /// What is trained, where it is not everything.
  private var trained: Phrase {
    trainer.policy.adapter.map {
      TrainingWords.trained(parameters: HumanText.count(Double($0.parameterCount)), adapter: $0.description)
    } ?? Phrase("")
  }

  /// How many experts there are, and how much of the model a token passes through.
  private var experts: Phrase {
    let configuration = trainer.policy.configuration
    guard let experts = configuration.experts, configuration.expertLayerCount > 0 else { return Phrase("") }
    return TrainingWords.experts(
      active: HumanText.count(Double(configuration.activeParameterCount)), perToken: experts.perToken,
      of: experts.count)
  }

  /// Answers whether the run is really distributed: who takes part, and over what they speak.
  private var processes: [Phrase] {
    guard let communicator = job.communicator, let ranks = trainer.ranks else { return [] }
    let roster = communicator.roster
    let hosts = Set(roster.members.map(\.host)).count
    let route =
      switch communicator.route {
      case .interface(let name): Phrase(en: "interface \(name)", zh: "网卡 \(name)")
      case .address(let address): Phrase(en: address, zh: " \(address)")
      }
    let (backEnd, starter) = (ranks.gradients.backend.rawValue, job.environment.startedBy.rawValue)
    let head = Phrase(
      en:
        "distributed: \(roster.worldSize) processes on \(hosts == 1 ? "1 host" : "\(hosts) hosts"), back end \(backEnd) over "
        + "\(route.en), started by \(starter)",
      zh: "分布式：\(hosts) 台主机上的 \(roster.worldSize) 个进程，后端 \(backEnd)，经由\(route.zh)，由 \(starter) 启动")
    let shards = Phrase(
      en: ", optimizer state divided among them (ZeRO-1)", zh: "，优化器状态在它们之间划分（ZeRO-1）")
    return [ranks.shardsOptimizer ? head + shards : head]
      + roster.members.map { member in
        Phrase(
          en: "  rank \(member.rank): \(member.host), process \(member.process), \(member.device), "
            + HumanText.counted(member.threads, "thread"),
          zh: "  rank \(member.rank)：\(member.host)，进程 \(member.process)，\(member.device)，\(member.threads) 个线程")
      }
  }

  private var batch: Phrase {
    let (options, plan) = (trainer.options, trainer.plan)
    return TrainingWords.batch(
      processes: job.worldSize, perDevice: options.perDeviceBatchSize, accumulated: options.accumulationSteps,
      global: plan.globalBatchSize, steps: plan.totalSteps, stepsPerEpoch: plan.stepsPerEpoch, examples: plan.pairCount,
      examples)
  }

  private var rate: Phrase {
    let schedule = trainer.schedule
    return TrainingWords.rate(
      shape: schedule.shape.rawValue, peak: HumanText.short(schedule.peak), warmup: schedule.warmupSteps,
      steps: schedule.totalSteps,
      loss: examples.areTexts ? TrainingWords.textLoss : Phrase(trainer.options.loss.description))
  }
}
