import Observability
import OrderedJSON

extension TrainingCommand {
  /// Who hears of the numbers of the run. MiniMind's `--use_wandb` means SwanLab, as in its scripts, which import it under the
  /// name of `wandb`.
  var audience: MetricsAudience {
    let tracking = output.tracking
    var trackers = tracking.trackers
    var run = TrackedRun(project: tracking.project, name: tracking.runName, options: Self.json(of: settings))
    if miniMind.useWandb {
      if !trackers.contains(.swanlab) { trackers.insert(.swanlab, at: 0) }
      let script = MiniMindScript.standing(for: Self._commandName)
      run.project = run.project ?? miniMind.wandbProject ?? script?.project
      run.name =
        run.name
        ?? script.map {
          "\($0.project)-Epoch-\(HumanText.short(optimization.numTrainEpochs))-BatchSize-"
            + "\(optimization.batch.perDeviceTrainBatchSize)-LearningRate-"
            + "\(optimization.learningRate ?? Self.usualLearningRate)"
        }
    }
    return MetricsAudience(
      trackers: trackers, python: tracking.trackerPython, run: run, command: tracking.onMetrics)
  }

  private static func json(of settings: [RunConfiguration.Setting]) -> JSON {
    var object: JSON.Object = [:]
    for (name, value) in settings {
      switch value {
      case nil: break
      case let number as Int: object[name] = .integer(number)
      case let number as Double: object[name] = .number(number)
      case let isOn as Bool: object[name] = .bool(isOn)
      case let texts as [String]: object[name] = .array(texts.map(JSON.string))
      case let other?: object[name] = .string(other.description)
      }
    }
    return .object(object)
  }
}
