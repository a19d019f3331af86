import Foundation
import OrderedJSON
import ProgramSupport
import Subprocess
import Testing

@Suite("Absurd sizes are refused before anything is made of them")
struct BoundsTests {
  let workspace: Workspace

  init() throws {
    workspace = try Workspace()
    try workspace.write(Pairs.some(8), to: "pairs.jsonl")
  }

  @Test(
    "Numbers of options that no machine could follow: 64, naming the option",
    arguments: [
      ("--threads", "1000000"), ("--max-steps", "99999999999999999999"), ("--max-steps", "9223372036854775807"),
      ("--per-device-train-batch-size", "9223372036854775807"),
      ("--gradient-accumulation-steps", "9223372036854775807"),
      ("--max-length", "9223372036854775807"), ("--micro-batch-tokens", "9223372036854775807"),
      ("--lora-r", "9223372036854775807"), ("--num-train-epochs", "1e300"), ("--learning-rate", "1e400"),
      ("--beta", "nan"), ("--save-steps", "9223372036854775807"), ("--seed", "99999999999999999999999"),
    ])
  func options(name: String, value: String) async throws {
    let outcome = try await Program.run(train(name, value), in: workspace)
    expect(outcome, code: 64, says: name)
    #expect(!workspace.exists("out"))
  }

  @Test(
    "An environment of 10¹¹ processes, or half of one: 64, naming the variable",
    arguments: [
      ("WORLD_SIZE=100000000000 RANK=0", "WORLD_SIZE is"), ("RANK=0", "WORLD_SIZE is not set"),
      ("WORLD_SIZE=2", "RANK is not set"), ("OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE is not set"),
    ])
  func environments(variables: String, words: String) async throws {
    let outcome = try await Program.run(
      ["-c", #"exec env \#(variables) "$0" "$@""#, Program.executable.path] + train(), in: workspace,
      program: URL(fileURLWithPath: "/bin/sh"))
    expect(outcome, code: 64, says: words)
    #expect(!workspace.exists("out"))
  }

  @Test("A model of ten million layers: 65, naming the key and its bound")
  func layers() async throws {
    try await TinyModel.make(in: workspace, named: "deep")
    var configuration = try #require(TinyModel.configuration().object)
    configuration["num_hidden_layers"] = 10_000_000
    try workspace.write(JSON.object(configuration).serialized(), to: "deep/config.json")
    let outcome = try await Program.run(train(model: "deep"), in: workspace)
    expect(outcome, code: 65, says: "num_hidden_layers", "at most")
  }

  @Test("A file of a megabyte that unpacks to a gigabyte: 65, with what to do if it is right")
  func gzip() async throws {
    let made = try await Program.run(
      ["-c", "head -c 1000000000 /dev/zero | tr '\\0' ' ' | gzip > bomb.jsonl.gz"], in: workspace,
      program: URL(fileURLWithPath: "/bin/sh"))
    try #require(made.code == 0, "\(made.messages)")
    let outcome = try await Program.run(["data", "bomb.jsonl.gz", "--tokenizer", Checkout.demo], in: workspace)
    expect(outcome, code: 65, says: "bomb.jsonl.gz", "unpack")
  }
}
