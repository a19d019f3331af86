import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Numbers that go wrong in a run")
struct NumericalFaultTests {
  let workspace: Workspace

  init() async throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(12), to: "pairs.jsonl")
    try await TinyModel.make(in: workspace)
  }

  private func events(_ kind: String) throws -> [JSON] {
    try workspace.lines("out/metrics.jsonl").filter { $0["event"]?.string == kind }
  }

  @Test("Steps left out are named with their pairs; too many in a row end the run with 65, after a whole checkpoint")
  func skipped() async throws {
    // So large a β makes every gradient overflow, while all log-probabilities are finite.
    let arguments = train("--beta", "3e38", "--max-steps", "6", "--no-shuffle")
    let outcome = try await Program.run(arguments + ["--max-skipped-steps", "2"], in: workspace)
    expect(
      outcome, code: 65, says: "step 1: the gradient is not a finite number", "pairs.jsonl:1, pairs.jsonl:2",
      "2 steps in a row (--max-skipped-steps)", "The last whole checkpoint is", "checkpoint-2")
    #expect(try events("skipped_step").map { $0["step"]?.int } == [1, 2])
    #expect(
      try events("skipped_step").last?["pairs"]?.array?.compactMap(\.string) == (5...8).map { "pairs.jsonl:\($0)" })
    #expect(try events("failure").first?["exit_code"]?.int == 65)
    // It can be resumed, goes on counting, and an earlier failure is no part of the run any more.
    let resumed = try await Program.run(
      arguments + ["--max-skipped-steps", "4", "--resume-from-checkpoint", "auto"], in: workspace)
    expect(resumed, code: 65, says: "resuming after step 2", "4 steps in a row", "checkpoint-4")
    #expect(try events("skipped_step").map { $0["step"]?.int } == [1, 2, 3, 4])
    #expect(try events("failure").map { $0["step"]?.int } == [4])
  }

  @Test("In Chinese, what a run says on its way and of its faults; what it records stays in English")
  func inChinese() async throws {
    let failed = try await Program.run(
      train("--beta", "3e38", "--max-steps", "6", "--no-shuffle", "--max-skipped-steps", "2", "--lang", "zh"),
      in: workspace)
    expect(failed, code: 65, says: "第 1 步：梯度不是有限的数，跳过了这次更新：所有对数概率都是有限的数", "模型：", "全局批次：", "学习率：", "已保存 ")
    #expect(try events("skipped_step").first?["message"]?.string?.hasPrefix("every log-probability is finite") == true)
    let said = failed.messages.split(separator: "\n").filter { !$0.contains("error: ") }.joined(separator: "\n")
    #expect(!said.hasEnglishSentence, "\(said)")

    let ended = try await Program.succeed(
      train(
        "--learning-rate", "1e-2", "--max-steps", "60", "--logging-steps", "2", "--stop-on-kl", "0.5", "--lang", "zh",
        output: "ended"), in: workspace)
    #expect(ended.messages.contains("步（共 60 步）之后结束：策略模型与参考模型平均每个回答相差"), "\(ended.messages)")
    #expect(ended.output.contains("原因：策略模型与参考模型平均每个回答相差"), "\(ended.output)")
    let end = try #require(try workspace.lines("ended/metrics.jsonl").last)
    #expect(end["ended_early"]?.string?.hasPrefix("the policy has moved") == true)
    #expect(!(ended.messages + ended.output).hasEnglishSentence, "\(ended.messages)\(ended.output)")
  }

  @Test("Policy and reference too far apart: the run ends early with its result, a checkpoint and the reason")
  func divergence() async throws {
    let outcome = try await Program.succeed(
      train(
        "--learning-rate", "1e-2", "--max-steps", "60", "--logging-steps", "2", "--stop-on-kl", "0.5", "--beta", "0.2"),
      in: workspace)
    let lines = try workspace.lines("out/metrics.jsonl")
    let end = try #require(lines.last)
    #expect(end["event"]?.string == "end")
    #expect(end["ended_early"]?.string?.contains("--stop-on-kl") == true)
    let steps = try #require(end["steps"]?.int)
    #expect(steps < 60 && steps % 2 == 0)
    #expect(workspace.exists("out/checkpoint-\(steps)"))
    #expect(workspace.exists("out/model.safetensors"))
    #expect(outcome.messages.contains("the run ends after step \(steps) of 60"))
    let records = lines.filter { $0["loss"] != nil && $0["event"] == nil }
    for record in records {
      let kl = try #require(record["objective/kl"]?.double)
      let rewards = try #require(record["rewards/chosen"]?.double) + #require(record["rewards/rejected"]?.double)
      #expect(abs(kl - rewards / 0.4) < 1e-9 * max(1, abs(kl)))
      #expect((abs(kl) > 0.5) == (record["step"]?.int == steps))
    }
    // A finished run, as by patience: resuming it changes nothing.
    let again = try await Program.run(
      train(
        "--learning-rate", "1e-2", "--max-steps", "60", "--logging-steps", "2", "--stop-on-kl", "0.5", "--beta", "0.2",
        "--resume-from-checkpoint", "auto"), in: workspace)
    expect(again, code: 0, says: "is finished")
  }

  @Test("A run that learns nothing is told so once, and it is recorded")
  func nothingLearnt() async throws {
    let outcome = try await Program.succeed(
      train("--learning-rate", "1e-9", "--max-steps", "60", "--logging-steps", "5"), in: workspace)
    #expect(outcome.messages.components(separatedBy: "nothing is learnt so far").count == 2)
    let drift = try events("drift")
    #expect(drift.map { $0["kind"]?.string } == ["nothing-learnt"])
    #expect(drift.first?["step"]?.int == 30)
    #expect(drift.first?["message"]?.string?.contains("1e-9 ") == true)
  }

  @Test("At every checkpoint and at the result it is said and recorded what the saved type does not show")
  func visibility() async throws {
    let outcome = try await Program.succeed(
      train("--learning-rate", "1e-6", "--max-steps", "3", "--save-steps", "2", "--save-dtype", "float16"),
      in: workspace)
    let records = try workspace.lines("out/metrics.jsonl").filter { $0["weights/changed"] != nil }
    #expect(records.map { $0["step"]?.int } == [2, 3])
    for record in records {
      let changed = try #require(record["weights/changed"]?.double)
      let lost = try #require(record["weights/lost/float16"]?.double)
      #expect(changed > 0 && changed <= 1)
      #expect(lost > 0 && lost <= 1)
    }
    #expect(outcome.messages.contains("would be as before in a float16 file"))
    #expect(outcome.output.contains("are the same as before"))
    try await Program.succeed(train("--max-steps", "2", "--save-steps", "1", output: "whole"), in: workspace)
    let whole = try workspace.lines("whole/metrics.jsonl").filter { $0["weights/changed"] != nil }
    #expect(whole.map { $0["step"]?.int } == [1, 2])
    #expect(whole.allSatisfy { $0.object?.keys.contains { $0.hasPrefix("weights/lost") } == false })
  }

  @Test("Products in bfloat16: what their copies of the weights do not show yet is recorded too")
  func copies() async throws {
    let outcome = try await Program.succeed(
      train("--max-steps", "1", "--save-steps", "1", "--bf16"), in: workspace)
    #expect(outcome.messages.contains("the bfloat16 copies that products use"))
    let record = try workspace.lines("out/metrics.jsonl").first { $0["weights/changed"] != nil }
    #expect(try #require(record?["weights/lost/bfloat16"]?.double) > 0)
  }

  @Test("A limit that nothing is measured against is refused")
  func noReference() async throws {
    let outcome = try await Program.run(train("--loss-type", "simpo", "--stop-on-kl", "1"), in: workspace)
    expect(outcome, code: 64, says: "--stop-on-kl")
    let bad = try await Program.run(train("--stop-on-kl", "0"), in: workspace)
    expect(bad, code: 64, says: "--stop-on-kl")
    let none = try await Program.run(train("--max-skipped-steps", "0"), in: workspace)
    expect(none, code: 64, says: "--max-skipped-steps")
  }

  @Test("Weights that the saved type cannot hold are refused with the tensor, and nothing is written")
  func beyondFloat16() async throws {
    var weights = try workspace.bytes("model/model.safetensors")
    // 1e5 as the last number of the file: finite, and beyond float16.
    weights.replaceSubrange(
      weights.count - 4..<weights.count, with: withUnsafeBytes(of: Float(1e5).bitPattern) { Data($0) })
    try workspace.write(weights, to: "model/model.safetensors")
    let converted = try await Program.run("convert", "--model", "model", "--to", "a.pth", in: workspace)
    expect(converted, code: 65, says: "a.pth", "float16", "65504", ".weight: 1 of")
    #expect(!workspace.exists("a.pth"))
    try await Program.succeed(["convert", "--model", "model", "--to", "a.pth", "--dtype", "bfloat16"], in: workspace)
    let trained = try await Program.run(train("--max-steps", "1", "--save-dtype", "float16"), in: workspace)
    expect(trained, code: 65, says: "out", "float16", ".weight: 1 of")
    #expect(!workspace.exists("out/model.safetensors"))
  }

  @Test("A model whose numbers overflow: eval names the pairs, generate and chat say so, with exit code 65")
  func overflow() async throws {
    // The norm before the head lets logits overflow, where all weights are finite.
    try await overflowingModel()
    let measured = try await Program.run("eval", "--model", "huge", "--data", "pairs.jsonl", "--json", in: workspace)
    expect(measured, code: 65, says: "12 pairs of 12", "pairs.jsonl:1, pairs.jsonl:2", "overflows")
    #expect(measured.output.isEmpty)
    for command in [["generate", "--prompt", "Hi"], ["generate", "--prompt", "Hi", "--temperature", "1"], ["chat"]] {
      let outcome = try await Program.run(command + ["--model", "huge"], input: "Hi\n", in: workspace)
      expect(outcome, code: 65, says: "not finite")
    }
    try workspace.write(Pairs.some(2), to: "prompts.jsonl")
    let many = try await Program.run("generate", "--model", "huge", "--prompts", "prompts.jsonl", in: workspace)
    expect(many, code: 65, says: "not finite")
    let pairs = try await Program.run(
      "pairs", "--model", "huge", "--prompts", "prompts.jsonl", "--output", "made.jsonl", "--score-model",
      Checkout.demo,
      in: workspace)
    expect(pairs, code: 65, says: "not finite")
  }

  /// `huge`: the tiny model with a last norm of 3e38.
  private func overflowingModel() async throws {
    try FileManager.default.copyItem(atPath: workspace.path("model"), toPath: workspace.path("huge"))
    var weights = try workspace.bytes("model/model.safetensors")
    let length = weights.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try JSON(parsing: weights[8..<8 + length])
    let offsets = header["model.norm.weight"]?["data_offsets"]?.array ?? []
    let place = offsets.compactMap(\.int)
    try #require(place.count == 2)
    let number = withUnsafeBytes(of: Float(3e38).bitPattern) { Data($0) }
    for offset in stride(from: 8 + length + place[0], to: 8 + length + place[1], by: 4) {
      weights.replaceSubrange(offset..<offset + 4, with: number)
    }
    try workspace.write(weights, to: "huge/model.safetensors")
  }
}
