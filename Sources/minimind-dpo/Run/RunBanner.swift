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
  var lines: [String] { [model] + processes + [batch, rate] }

  private var model: String {
    let configuration = trainer.policy.configuration
    return
      "model: \(HumanText.count(Double(configuration.parameterCount))) parameters\(experts), \(configuration.layerCount) layers of "
      + "\(configuration.hiddenSize), \(precision) on \(job.placement.description)"
      + (job.placement.ordinal == nil ? " with \(threads(Runtime.threadCount))" : "")
      + (job.communicator == nil ? "" : " in each process") + trained
  }

  /// What is trained, where it is not everything.
  private var trained: String {
    guard let adapter = trainer.policy.adapter else { return "" }
    return "; trained are the \(HumanText.count(Double(adapter.parameterCount))) of an adapter: \(adapter.description)"
  }

  /// How many experts there are, and how much of the model a token passes through.
  private var experts: String {
    let configuration = trainer.policy.configuration
    guard let experts = configuration.experts, configuration.expertLayerCount > 0 else { return "" }
    return
      " (\(HumanText.count(Double(configuration.activeParameterCount))) active: \(experts.perToken) of \(experts.count) "
      + "experts a token)"
  }

  private var precision: String {
    let type = trainer.policy.productType
    return type == .float32 ? "float32" : "products in \(type.rawValue), the rest in float32,"
  }

  /// Answers whether the run is really distributed: who takes part, and over what they speak.
  private var processes: [String] {
    guard let communicator = job.communicator, let ranks = trainer.ranks else { return [] }
    let roster = communicator.roster
    let hosts = Set(roster.members.map(\.host)).count
    let route =
      switch communicator.route {
      case .interface(let name): "interface \(name)"
      case .address(let address): address
      }
    var lines = [
      "distributed: \(roster.worldSize) processes on \(hosts == 1 ? "1 host" : "\(hosts) hosts"), back end "
        + "\(ranks.gradients.backend.rawValue) over \(route), started by \(job.environment.startedBy.rawValue)"
        + (ranks.shardsOptimizer ? ", optimizer state divided among them (ZeRO-1)" : "")
    ]
    for member in roster.members {
      lines.append(
        "  rank \(member.rank): \(member.host), process \(member.process), \(member.device), \(threads(member.threads))"
      )
    }
    return lines
  }

  private var batch: String {
    let (options, plan) = (trainer.options, trainer.plan)
    let processes = job.worldSize == 1 ? "1 process" : "\(job.worldSize) processes"
    return
      "global batch: \(processes) × \(HumanText.counted(options.perDeviceBatchSize, examples.noun)) × "
      + "\(options.accumulationSteps) accumulated = \(HumanText.counted(plan.globalBatchSize, examples.noun)) a step; "
      + "\(HumanText.counted(plan.totalSteps, "step")), \(plan.stepsPerEpoch) an epoch of \(HumanText.counted(plan.pairCount, examples.noun))"
  }

  private var rate: String {
    let schedule = trainer.schedule
    return
      "learning rate: \(schedule.shape.rawValue), up to \(HumanText.short(schedule.peak)) after "
      + "\(HumanText.counted(schedule.warmupSteps, "step")) of warm-up, over \(HumanText.counted(schedule.totalSteps, "step")); loss \(examples.areTexts ? "−log p per token to learn" : trainer.options.loss.description)"
  }

  private func threads(_ count: Int) -> String { count == 1 ? "1 thread" : "\(count) threads" }
}
