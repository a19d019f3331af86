import Files
import Foundation
import MiniMind
import Observability
import Preferences
import Training

/// The end of a run: the trained model, the report, and the closing words.
struct RunConclusion {
  let request: TrainingRequest
  let inputs: RunInputs
  let outcome: RunOutcome
  let folder: RunFolder

  /// Writes all that a finished run leaves, and prints what it amounted to. Only the first rank does.
  func write() throws {
    try writeFiles()
    try summarize()
  }

  /// Writes the trained model and the report.
  func writeFiles() throws {
    try inputs.policy.requireSavable(
      to: folder.location.path, dtype: request.output.dtype, adapterOnly: !request.output.merges)
    try noteWeightChanges()
    try inputs.policy.writeTrained(to: folder.location, tokenizer: inputs.tokenizer, dtype: request.output.dtype)
    if request.output.merges {
      try makeFolder(mergedFolder)
      try ModelFiles.writeFolder(
        inputs.policy, to: mergedFolder, tokenizer: inputs.tokenizer, dtype: request.output.dtype)
    }
    try MiniMindRun(request)?.write(inputs.policy)
    try outcome.recorder.finish(outcome.totals)
    try outcome.report?.finish()
  }

  /// Writes the trained model to another folder, where there is one to write to.
  ///
  /// - Returns: where it is, in words; nil where it is nowhere
  func rescue(to location: URL?) -> String? {
    guard let location, location.standardizedFileURL != folder.location.standardizedFileURL else { return nil }
    do {
      try makeFolder(location)
      try inputs.policy.writeTrained(to: location, tokenizer: inputs.tokenizer, dtype: request.output.dtype)
      return "The trained model is in \(location.path) instead."
    } catch {
      return "It could not be written to \(location.path) either (\(error))."
    }
  }

  /// Where the model with the adapter in its weights goes.
  private var mergedFolder: URL { folder.file(RunFolder.mergedModel) }

  /// Where the time went; nothing of a run that was over at once.
  private func slowness() throws -> Phrase? {
    guard outcome.totals.seconds >= 10 else { return nil }
    let log = try MetricsLog(contentsOf: folder.file("metrics.jsonl"))
    return TimeLosses(RunTimes(log), at: RunMachine(folder.environment)).text()
  }

  /// Records how much of what was learnt the result holds.
  private func noteWeightChanges() throws {
    let visibility = UpdateVisibility(request, inputs)
    guard let changes = try visibility.measure(outcome.trainer.policy, readsAgain: true) else { return }
    try outcome.recorder.note(changes, atStep: outcome.choice?.step ?? outcome.trainer.completedSteps)
  }

  private func summarize() throws {
    let trainer = outcome.trainer
    let changes = outcome.recorder.weightChanges
    var summary = RunSummary(
      totals: outcome.totals, learningRate: request.training.learningRate, beta: request.training.loss.beta)
    summary.lossType = request.training.loss.name
    summary.startsAtReference = trainer.options.startsAtReference
    summary.endReason = outcome.totals.endedEarly == nil ? nil : outcome.recorder.endReason
    summary.takenStep = outcome.choice?.step
    summary.takeSnapshots(
      from: try MetricsLog(contentsOf: folder.file("metrics.jsonl")),
      evaluationPairs: inputs.evaluationSets.isEmpty ? nil : inputs.evaluationPairs.count)
    if request.pairs.examples.areTexts {
      summary.texts = TextOutcome(
        try MetricsLog(contentsOf: folder.file("metrics.jsonl")), takenStep: outcome.choice?.step)
    }
    if let choice = outcome.choice { summary.notes.append(choice.sentence.text) }
    let place = folder.location == request.output.location ? request.output.folder : folder.location.path
    summary.outputs =
      trainer.policy.adapter == nil ? [.folder(place)] : [.adapter(place, model: request.source.path)]
    if request.output.merges { summary.outputs.append(.folder(mergedFolder.relativePath)) }
    if let miniMind = MiniMindRun(request) { summary.outputs += miniMind.outputs(of: trainer.policy) }
    summary.files = [
      "report": folder.file("report.html").relativePath, "metrics": folder.file("metrics.jsonl").relativePath,
    ]
    if inputs.watched.prompts != nil { summary.files["answers"] = folder.file("samples.jsonl").relativePath }
    if let changes, let remark = UpdateVisibility(request, inputs).remark(on: changes) {
      summary.notes.append(remark.text)
    }
    if let slow = try slowness() { summary.notes.append(slow.text) }
    if let scaling = ScalingRecord.sentence(processes: inputs.job.worldSize) { summary.notes.append(scaling.text) }
    for reason in DropReason.allCases { summary.droppedWords[reason.rawValue] = reason.phrase }
    Output.line(summary.text(width: min(88, Output.width ?? 88)))
  }
}
