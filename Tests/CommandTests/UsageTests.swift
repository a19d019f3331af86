import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("Usage: exit code 64 and the option's name; help for every option")
struct UsageTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(2), to: "pairs.jsonl")
  }

  @Test("An unknown option and an unknown command")
  func unknown() async throws {
    let option = try await Program.run(train("--leaning-rate", "1", model: Checkout.demo), in: workspace)
    expect(option, code: 64, says: "Unknown option '--leaning-rate'", "--learning-rate")
    let command = try await Program.run("trian", in: workspace)
    expect(command, code: 64, says: "trian", "--help")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test(
    "A value that does not parse or is out of range",
    arguments: [
      ("--beta", "0"), ("--beta=-0.1", ""), ("--beta", "strong"), ("--label-smoothing", "0.5"), ("--loss-type", "dpo"),
      ("--per-device-train-batch-size", "0"), ("--gradient-accumulation-steps", "0"), ("--num-train-epochs", "0"),
      ("--num-train-epochs", "nan"), ("--max-steps", "0"), ("--learning-rate", "inf"), ("--warmup-ratio", "1.5"),
      ("--adam-beta1", "1"), ("--adam-epsilon", "0"), ("--max-length", "1"), ("--truncation-mode", "middle"),
      ("--empty-think", "maybe"), ("--save-dtype", "int8"), ("--save-steps", "0"), ("--save-total-limit", "0"),
      ("--threads", "0"), ("--seed", "-1"), ("--lr-scheduler-type", "step"),
    ])
  func outOfRange(_ option: String, _ value: String) async throws {
    let given = value.isEmpty ? [option] : [option, value]
    let outcome = try await Program.run(train(model: Checkout.demo) + given, in: workspace)
    expect(outcome, code: 64, says: String(option.prefix { $0 != "=" }))
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("A required option that is missing, in every command that has one")
  func required() async throws {
    for (arguments, option) in [
      (["train", "--model", "m", "--train-data", "d"], "--output-dir"),
      (["train", "--model", "m", "--output-dir", "o"], "--train-data"),
      (["train", "--train-data", "d", "--output-dir", "o"], "--model"),
      (["eval", "--model", "m"], "--data"), (["data", "pairs.jsonl"], "--tokenizer"),
      (["data", "--tokenizer", "t"], "preference file"), (["convert", "--model", "m"], "--to"),
      (["generate", "--model", "m"], "--prompt"), (["chat"], "--model"), (["init", "--to", "m"], "--shape"),
    ] {
      expect(try await Program.run(arguments, in: workspace), code: 64, says: option)
    }
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("Options that contradict each other")
  func contradictions() async throws {
    let folder = try await Program.run(
      train("--overwrite-output-dir", "--resume-from-checkpoint", "auto", model: Checkout.demo), in: workspace)
    expect(folder, code: 64, says: "--overwrite-output-dir", "--resume-from-checkpoint")
    let prompts = try await Program.run(
      "generate", "--model", "m", "--prompt", "a", "--prompts", "b", in: workspace)
    expect(prompts, code: 64, says: "--prompt", "--prompts")
  }

  @Test("A --config file that is no YAML, no mapping, or nested; an unknown option in one")
  func configuration() async throws {
    for (text, word) in [
      ("beta: [1\n", "not valid YAML"), ("- beta\n", "option: value"), ("beta:\n  value: 1\n", "beta"),
      ("betta: 1\n", "--betta"),
    ] {
      try workspace.write(text, to: "run.yaml")
      let outcome = try await Program.run(train("--config", "run.yaml", model: Checkout.demo), in: workspace)
      expect(outcome, code: 64, says: word)
    }
    expect(try await Program.run("train", "--config", in: workspace), code: 64, says: "--config")
    #expect(!workspace.exists("out"))
  }

  @Test("A device that is not there: exit code 69")
  func device() async throws {
    let outcome = try await Program.run(train("--device", "cuda", model: Checkout.demo), in: workspace)
    expect(outcome, code: 69, says: "--device cuda", "--device cpu")
    #expect(workspace.names() == ["pairs.jsonl"])
  }

  @Test("Every command explains itself and each of its options, with its default and the unit of its value")
  func help() async throws {
    let dump = try await Program.succeed(["--experimental-dump-help"], in: workspace)
    let commands = try #require(try JSON(parsing: dump.output)["command"]?["subcommands"]?.array)
      .filter { $0["commandName"]?.string != "help" }
    let names = Set(commands.compactMap { $0["commandName"]?.string })
    #expect(names.isSuperset(of: ["train", "eval", "data", "convert", "generate", "chat", "init", "demo"]))
    for command in commands {
      let name = try #require(command["commandName"]?.string)
      #expect(command["abstract"]?.string?.isEmpty == false)
      let help = try await Program.succeed([name, "--help"], in: workspace)
      #expect(help.output.contains("USAGE: minimind-dpo \(name)"))
      let words = help.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      for argument in command["arguments"]?.array ?? [] {
        let option = argument["preferredName"]?["name"]?.string ?? argument["valueName"]?.string ?? "?"
        // `launch` passes everything on to torchrun's options, of which this is none.
        if name == "launch", option == "version" { continue }
        let abstract = argument["abstract"]?.string ?? ""
        #expect(abstract.count > 8, "\(name) --\(option) has no help")
        #expect(words.contains(option), "\(name) --help leaves out \(option)")
        if let value = argument["defaultValue"]?.string, argument["kind"]?.string == "option" {
          #expect(words.contains("default: \(value))"), "\(name) --\(option)")
        }
      }
    }
  }

  @Test("--version prints one line")
  func version() async throws {
    let outcome = try await Program.succeed(["--version"], in: workspace)
    #expect(outcome.output.hasPrefix("minimind-dpo "))
    #expect(outcome.output.split(separator: "\n").count == 1)
  }

  @Test("A number that nothing can mean is refused by its option's name; a folder may be called by a number")
  func absurdNumbers() async throws {
    let workspace = try Workspace()
    for arguments in [
      ["--max-steps", "99999999999999"], ["--threads=1000000000000"], ["--max_length", "18446744073709551616"],
      ["--per-device-train-batch-size", "-9223372036854775808"],
    ] {
      let outcome = try await Program.run(train() + arguments, in: workspace)
      #expect(outcome.code == 64, "\(arguments): \(outcome.messages)")
    }
    try await TinyModel.make(in: workspace)
    try workspace.write(Pairs.some(4), to: "pairs.jsonl")
    try await Program.succeed(train("--max-steps", "1", output: "20261128061500"), in: workspace)
    #expect(workspace.exists("20261128061500/model.safetensors"))
  }
}
