import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("From prompts to pairs")
struct PairsTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    let prompts: [JSON] = [
      ["id": 7, "prompt": "What is the capital of Poland?"],
      ["messages": [Pairs.message("user", "请问松鼠最爱吃什么？")]],
      ["prompt": [Pairs.message("system", "You are Momo."), Pairs.message("user", "What colour is grass?")]],
    ]
    try workspace.write(prompts, to: "prompts.jsonl")
    // A number for each answer that depends on nothing but the answer.
    try workspace.write(
      """
      import json, sys
      print("scoring", file=sys.stderr)
      for line in sys.stdin:
          asked = json.loads(line)
          print(len(asked["answer"]) + asked.get("id", 0))
      """, to: "score.py")
  }

  private func pairs(
    _ more: String..., scorer: String = "python3 score.py", prompts: String = "prompts.jsonl",
    output: String = "dpo.jsonl"
  ) -> [String] {
    [
      "pairs", "--model", Checkout.demo, "--prompts", prompts, "--output", output, "--max-new-tokens", "40",
      "--temperature", "1",
    ] + (scorer.isEmpty ? [] : ["--score-command", scorer]) + more
  }

  // MARK: - Results

  @Test("The best answer is chosen and the worst rejected, with their scores; --keep-all has them all")
  func bestAgainstWorst() async throws {
    let outcome = try await Program.succeed(pairs("--keep-all", "all.jsonl", "--num-samples", "6"), in: workspace)
    #expect(outcome.messages.contains("scoring"))
    #expect(outcome.output.contains("pairs                   3 in dpo.jsonl"))
    let (made, all) = (try workspace.lines("dpo.jsonl"), try workspace.lines("all.jsonl"))
    #expect(all.count == 18)
    #expect(all.map { $0["index"]?.int } == (0..<18).map { $0 / 6 })
    #expect(all.map { $0["sample"]?.int } == (0..<18).map { $0 % 6 })
    try #require(made.count == 3)
    for (index, pair) in made.enumerated() {
      let own = all.filter { $0["index"]?.int == index }
      let scores = own.compactMap { $0["score"]?.double }
      #expect(scores == own.map { Double(($0["answer"]?.string ?? "").unicodeScalars.count + (index == 0 ? 7 : 0)) })
      let ended = own.filter { $0["ended"]?.bool ?? false }.compactMap { $0["score"]?.double }
      #expect(pair["score_chosen"]?.double == ended.max())
      #expect(pair["score_rejected"]?.double == scores.min())
      for (side, score) in [("chosen", "score_chosen"), ("rejected", "score_rejected")] {
        let messages = try #require(pair[side]?.array)
        #expect(JSON.array(messages.dropLast()) == own[0]["prompt"])
        let answer = try #require(messages.last?["content"])
        #expect(messages.last?["role"] == "assistant")
        #expect(own.contains { $0["answer"] == answer && $0["score"] == pair[score] })
      }
    }
    #expect(made[0]["id"] == 7)
    #expect(workspace.names().filter { $0.contains("dpo.jsonl") } == ["dpo.jsonl"])
    let read = try await Program.succeed(["data", "dpo.jsonl", "--tokenizer", Checkout.demo, "--json"], in: workspace)
    #expect(try JSON(parsing: read.output)["pairs"] == 3)
  }

  @Test("The answers depend on the seed and not on the batch")
  func batches() async throws {
    try await Program.succeed(pairs(output: "64.jsonl"), in: workspace)
    try await Program.succeed(pairs("--batch-size", "5", output: "5.jsonl"), in: workspace)
    try await Program.succeed(pairs("--seed", "1", output: "other.jsonl"), in: workspace)
    #expect(try workspace.bytes("64.jsonl") == workspace.bytes("5.jsonl"))
    #expect(try workspace.bytes("64.jsonl") != workspace.bytes("other.jsonl"))
  }

  @Test("Preference pairs are prompts too: each once, without their answers")
  func promptsOfPairs() async throws {
    try workspace.write(
      [
        Pairs.pair("How much is 1 plus 2?", "Three.", "No."), Pairs.pair("How much is 1 plus 2?", "3", "Four."),
        Pairs.pair("What colour is grass?", "Green.", "Blue."),
      ], to: "old.jsonl")
    try await Program.succeed(pairs("--keep-all", "all.jsonl", prompts: "old.jsonl"), in: workspace)
    let all = try workspace.lines("all.jsonl")
    #expect(all.count == 8)
    #expect(all[0]["prompt"] == [Pairs.message("user", "How much is 1 plus 2?")])
    #expect(all[7]["prompt"] == [Pairs.message("user", "What colour is grass?")])
    #expect(all.allSatisfy { $0["chosen"] == nil })
  }

  @Test(
    "Equal answers, equal scores and small margins give no pair, are counted, and nothing is written where none is left"
  )
  func dropped() async throws {
    let equalAnswers = try await Program.run(pairs("--top-k", "1"), in: workspace)
    expect(equalAnswers, code: 65, says: "no prompt gave a pair (3: all answers are the same)", "--temperature")
    let equalScores = try await Program.run(pairs(scorer: "sed s/.*/1/"), in: workspace)
    expect(equalScores, code: 65, says: "3: no answer is scored below the best")
    let margins = try await Program.run(pairs("--min-margin", "1000"), in: workspace)
    expect(margins, code: 65, says: "3: the margin is not above --min-margin")
    let unfinished = try await Program.run(pairs("--max-new-tokens", "1"), in: workspace)
    expect(unfinished, code: 65, says: "3: no answer ended within --max-new-tokens")
    #expect(!workspace.exists("dpo.jsonl"))
  }

  // MARK: - A second model

  @Test("A second model's likelihood scores; its log-ratio to the first is 0 where they are the same")
  func scoreModel() async throws {
    try await Program.succeed(
      pairs("--score-model", Checkout.demo, "--keep-all", "all.jsonl", scorer: ""), in: workspace)
    let all = try workspace.lines("all.jsonl")
    let scores = all.compactMap { $0["score"]?.double }
    #expect(scores.count == 12 && scores.allSatisfy { $0 < 0 && $0 > -10 })
    let pair = try workspace.lines("dpo.jsonl")[0]
    let (chosen, rejected) = (pair["score_chosen"]?.double ?? 0, pair["score_rejected"]?.double ?? 0)
    #expect(chosen > rejected)
    let ratio = try await Program.run(
      pairs("--score-model", Checkout.demo, "--score-by", "log-ratio", scorer: "", output: "ratio.jsonl"), in: workspace
    )
    expect(ratio, code: 65, says: "3: no answer is scored below the best")
    try await TinyModel.make(in: workspace, vocabulary: 1600)
    let other = try await Program.run(pairs("--score-model", "model", scorer: "", output: "no.jsonl"), in: workspace)
    expect(other, code: 65, says: "--score-model has a vocabulary of 1600 tokens, but --model has 1536")
  }

  // MARK: - Scorers that fail

  @Test("A scorer that fails, or does not print a number a line: exit code 65 with the line, no output, answers kept")
  func badScorers() async throws {
    let cases: [(String, [String])] = [
      ("cat > /dev/null; exit 3", ["exit code 3"]),
      ("cat > /dev/null; kill -KILL $$", ["signal 9"]),
      ("head -n 2 | sed s/.*/1/", ["printed 2 lines for 12 answers"]),
      ("sed 's/.*/1/;$a 2'", ["printed 13 lines for 12 answers"]),
      ("sed '5s/.*/good/;5!s/.*/1/'", ["printed \"good\" in line 5", "expected a number"]),
      ("sed '2s/.*/NaN/;2!s/.*/1/'", ["printed \"NaN\" in line 2"]),
      ("sed '3s/.*//;3!s/.*/1/'", ["printed \"\" in line 3"]),
    ]
    for (scorer, words) in cases {
      let outcome = try await Program.run(pairs(scorer: scorer), in: workspace)
      #expect(outcome.code == 65, "\(scorer): \(outcome.messages)")
      for word in words + ["--score-command"] { #expect(outcome.messages.contains(word), "\(outcome.messages)") }
      #expect(workspace.names().filter { $0.hasPrefix("dpo") } == ["dpo.jsonl.answers-0"])
    }
    // The next start draws nothing again, and ends as if nothing had failed.
    let again = try await Program.succeed(pairs(), in: workspace)
    #expect(again.messages.contains("12 answers of an earlier start are used again"))
    try await Program.succeed(pairs(output: "fresh.jsonl"), in: workspace)
    #expect(try workspace.bytes("dpo.jsonl") == workspace.bytes("fresh.jsonl"))
    #expect(!workspace.exists("dpo.jsonl.answers-0"))
  }

  @Test("A command that cannot run is heard of before many answers are drawn")
  func missingCommand() async throws {
    let outcome = try await Program.run(
      pairs(scorer: "no-such-scorer", prompts: Checkout.demo("train.jsonl")), in: workspace)
    expect(outcome, code: 65, says: "no-such-scorer", "ended before it read an answer, with exit code 127")
    #expect(!outcome.output.contains("pairs"))
  }

  @Test("Pipes may fill up on both sides, and a score may come in an object")
  func fullPipes() async throws {
    let talkative = """
      import json, sys
      for line in sys.stdin:
          print(json.dumps({"score": len(json.loads(line)["answer"]), "why": "x" * 30000}), flush=True)
      """
    let patient = """
      import sys
      lines = sys.stdin.readlines()
      for line in lines:
          print(len(line))
      """
    try workspace.write(talkative, to: "talkative.py")
    try workspace.write(patient, to: "patient.py")
    let long = JSON.object(["prompt": "What colour is grass?", "note": .string(String(repeating: "y", count: 90_000))])
    try workspace.write([long, long], to: "long.jsonl")
    for scorer in ["talkative.py", "patient.py"] {
      try await Program.succeed(
        pairs("--overwrite", scorer: "python3 " + scorer, prompts: "long.jsonl"), in: workspace)
      #expect(try workspace.lines("dpo.jsonl").count == 2)
    }
  }

  // MARK: - Stopping

  @Test(
    "SIGTERM while answers are drawn: exit code 75, the answers are kept, and the same command ends as an unbroken one")
  func terminated() async throws {
    let workspace = workspace
    let lines = try String(contentsOfFile: Checkout.demo("train.jsonl"), encoding: .utf8).split(separator: "\n")
    try workspace.write(lines.prefix(150).joined(separator: "\n") + "\n", to: "many.jsonl")
    let given = pairs("--batch-size", "16", prompts: "many.jsonl")
    let stopped = try await Program.run(given, in: workspace) { run in
      try await run.wait {
        guard workspace.exists("dpo.jsonl.answers-0") else { return false }
        return try workspace.text("dpo.jsonl.answers-0").count > 2000
      }
      try run.send(.terminate)
    }
    expect(stopped, code: 75, says: "SIGTERM", "drawn so far are kept in dpo.jsonl.answers-", "the same command")
    #expect(workspace.names().filter { $0.hasPrefix("dpo") } == ["dpo.jsonl.answers-0"])
    let resumed = try await Program.succeed(given, in: workspace)
    #expect(resumed.messages.contains("of an earlier start are used again"))
    try await Program.succeed(given + ["--output", "fresh.jsonl"], in: workspace)
    #expect(try workspace.bytes("dpo.jsonl") == workspace.bytes("fresh.jsonl"))
  }

  @Test("SIGTERM while the scorer works ends both")
  func terminatedInScorer() async throws {
    let workspace = workspace
    let outcome = try await Program.run(
      pairs(scorer: "cat > /dev/null; touch scoring; exec sleep 1000"), in: workspace
    ) { run in
      try await run.wait { workspace.exists("scoring") }
      try run.send(.terminate)
    }
    expect(outcome, code: 75, says: "12 answers drawn so far are kept")
    #expect(!workspace.exists("dpo.jsonl"))
  }

  // MARK: - Reasoning

  @Test("Where the prompt ends within a thought, what comes before </think> is reasoning_content")
  func reasoning() async throws {
    try await TinyModel.make(in: workspace)
    var configuration = try #require(try workspace.json("model/tokenizer_config.json").object)
    let template = try #require(configuration["chat_template"]?.string)
    configuration["chat_template"] = .string(
      template + "{%- if add_generation_prompt and enable_thinking %}{{- '<think>\\n' }}{%- endif %}")
    try workspace.write(JSON.object(configuration).serialized(), to: "model/tokenizer_config.json")
    try workspace.write(
      "import json, sys\nfor line in sys.stdin: print(-json.loads(line)['tokens'])", to: "shortest.py")
    func answers(_ more: String...) async throws -> [JSON] {
      // Random weights: the token </think> comes once in 1,536.
      try await Program.succeed(
        [
          "pairs", "--model", "model", "--prompts", "prompts.jsonl", "--output", "dpo.jsonl", "--overwrite",
          "--num-samples", "8", "--temperature", "1", "--max-new-tokens", "700", "--score-command",
          "python3 shortest.py",
          "--keep-all", "all.jsonl",
        ] + more, in: workspace)
      return try workspace.lines("all.jsonl")
    }
    let thinking = try await answers("--think")
    #expect(thinking.count == 24)
    #expect(thinking.allSatisfy { !($0["reasoning_content"]?.string ?? "").isEmpty })
    #expect(thinking.contains { $0["answer"]?.string == "" })
    #expect(thinking.contains { $0["answer"]?.string != "" })
    let pair = try workspace.lines("dpo.jsonl")[0]
    #expect(pair["chosen"]?.array?.last?["reasoning_content"]?.string != nil)
    let plain = try await answers()
    #expect(plain.contains { $0["reasoning_content"] == nil })
  }

  // MARK: - Usage

  @Test("Missing and contradicting options are refused with a sentence")
  func usage() async throws {
    let none = try await Program.run(pairs(scorer: ""), in: workspace)
    expect(none, code: 64, says: "Name either --score-command or --score-model.")
    let both = try await Program.run(pairs("--score-model", "x"), in: workspace)
    expect(both, code: 64, says: "Name either --score-command or --score-model.")
    expect(try await Program.run(pairs("--temperature", "0"), in: workspace), code: 64, says: "--temperature 0")
    expect(try await Program.run(pairs("--num-samples", "1"), in: workspace), code: 64, says: "at least 2")
    expect(try await Program.run(pairs("--score-by", "log-ratio"), in: workspace), code: 64, says: "--score-model")
    try workspace.write("kept\n", to: "dpo.jsonl")
    expect(try await Program.run(pairs(), in: workspace), code: 73, says: "dpo.jsonl: exists", "--overwrite")
    #expect(try workspace.text("dpo.jsonl") == "kept\n")
    let folder = try await Program.run(pairs(output: "no/folder/dpo.jsonl"), in: workspace)
    expect(folder, code: 73, says: "no/folder")
  }

  // MARK: - The documented script

  @Test("Iterative DPO, Demo/iterate/run: after a round the demo's model prefers the polite one of most held-out pairs")
  func iterate() async throws {
    let outcome = try await Program.run(
      ["MINIMIND_DPO=" + Program.executable.path, Checkout.demo("iterate/run"), "out", "1"], in: workspace,
      program: URL(fileURLWithPath: "/usr/bin/env"))
    try #require(outcome.code == 0, "\(outcome.messages)")
    #expect(try workspace.lines("out/pairs-1.jsonl").count > 600)
    func figure(_ name: String) throws -> Double {
      let lines = outcome.output.split(separator: "\n")
      let line = try #require(lines.first { $0.hasPrefix(name + " ") })
      let number = line.split(separator: " ").last.flatMap { Double($0) }
      return try #require(number)
    }
    // Half of them before; a model that learned nothing stays there.
    #expect(try figure("eval_rewards/accuracies") > 0.8)
    #expect(try figure("eval_logps/accuracies") > 0.6)
  }
}
