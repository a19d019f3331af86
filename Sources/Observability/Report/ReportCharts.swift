import Foundation

/// Which plots the report shows, and what it says about each.
struct ReportCharts {
  let runs: [ReportRun]

  /// All plots that have something to show.
  var all: [Chart] {
    [loss, tokenAccuracy, margins, accuracies, rewards, logProbabilities, guardLoss, gradientNorm, learningRate, speed]
  }

  private var loss: Chart {
    var chart = chart(
      "Loss", [MetricName.loss],
      isSupervised
        ? "Per target token. Should fall on held-out texts too; where it rises there, texts are learned by heart."
        : "Starts at 0.693 (= log 2), where the model equals its reference, and sinks slowly.", evaluated: true)
    if !isSupervised { chart.landmark = Chart.Landmark(value: log(2), label: "0.693: the start") }
    chart.isNoisy = true
    chart.format = { HumanText.fixed($0, 4) }
    return chart
  }

  private var isSupervised: Bool { runs.contains(where: \.isSupervised) }

  /// Of supervised fine-tuning; with pairs it is that of the chosen answers, of which the rewards tell more.
  private var tokenAccuracy: Chart {
    guard isSupervised else { return Chart(title: "Token accuracy", caption: "", series: []) }
    var chart = chart(
      "Token accuracy", [MetricName.tokenAccuracy], "How often the token to learn is the most probable one.",
      evaluated: true)
    chart.isNoisy = true
    chart.format = { HumanText.percent($0) }
    return chart
  }

  private var margins: Chart {
    var chart = chart(
      "Reward margin", [MetricName.rewardMargins],
      "How much more the chosen answers gained than the rejected ones. Should rise; above 15 something is wrong.",
      evaluated: true)
    chart.landmark = Chart.Landmark(value: 0, label: "")
    chart.isNoisy = true
    return chart
  }

  private var accuracies: Chart {
    var chart = chart(
      "Reward accuracy", [MetricName.rewardAccuracies],
      "How often the chosen answer gained more than the rejected one.", evaluated: true)
    chart.landmark = Chart.Landmark(value: 0.5, label: "chance")
    chart.range = 0...1
    chart.isNoisy = true
    chart.format = { HumanText.percent($0) }
    return chart
  }

  private var rewards: Chart {
    var chart = chart(
      "Rewards", [MetricName.rewardsChosen, MetricName.rewardsRejected],
      "Beta times the change in log-probability against the reference. Healthy: chosen stays near zero or rises.")
    chart.landmark = Chart.Landmark(value: 0, label: "")
    chart.isNoisy = true
    return chart
  }

  private var logProbabilities: Chart {
    var chart = chart(
      "Log-probabilities", [MetricName.logpsChosen, MetricName.logpsRejected],
      "Of whole answers, so long answers lie low. A steep fall of the chosen ones is a bad sign.")
    chart.isNoisy = true
    chart.format = { HumanText.fixed($0, 1) }
    return chart
  }

  private var guardLoss: Chart {
    var chart = chart(
      "Loss of the guard texts", [MetricName.guardLoss], "Per token. Where it rises, the model forgets what they hold.")
    chart.format = { HumanText.fixed($0, 3) }
    return chart
  }

  private var gradientNorm: Chart {
    var chart = chart("Gradient norm", [MetricName.gradientNorm], "Before clipping. Spikes point at odd pairs.")
    chart.isNoisy = true
    return chart
  }

  private var learningRate: Chart { chart("Learning rate", [MetricName.learningRate], "As the schedule set it.") }

  private var speed: Chart {
    var chart = chart("Tokens per second", [MetricName.tokensPerSecond], "Over all processes.")
    chart.format = { HumanText.count($0) }
    // From zero, so that a wobble of a few per cent does not look like a collapse.
    let greatest = chart.series.flatMap(\.points).map(\.y).filter(\.isFinite).max() ?? 0
    if greatest > 0 { chart.range = 0...greatest }
    return chart
  }

  /// A plot of one or two metrics of every run. With one run the two metrics differ in colour; with several, colour tells
  /// the run and a dashed line the second metric.
  private func chart(_ title: String, _ metrics: [String], _ caption: String, evaluated: Bool = false) -> Chart {
    var series: [Chart.Series] = []
    for (index, run) in runs.enumerated() {
      for (order, metric) in metrics.enumerated() {
        let color = runs.count == 1 ? order : index
        let names =
          (runs.count > 1 ? [run.name] : []) + (metrics.count > 1 ? [order == 0 ? "chosen" : "rejected"] : [])
        series.append(
          Chart.Series(
            name: names.isEmpty ? title.lowercased() : names.joined(separator: ", "), color: color,
            isDashed: runs.count > 1 && order > 0, points: run.points(of: metric)))
        guard evaluated else { continue }
        series.append(
          Chart.Series(
            name: (names + ["evaluation"]).joined(separator: ", "), color: runs.count == 1 ? 1 : index,
            isEvaluation: true, points: run.points(of: MetricName.evaluationPrefix + metric)))
      }
    }
    var chart = Chart(title: title, caption: caption, series: series.filter { !$0.points.isEmpty })
    // The records of several runs would bury each other.
    chart.showsRecords = runs.count == 1
    return chart
  }
}
