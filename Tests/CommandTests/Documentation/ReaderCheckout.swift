import Foundation
import OrderedJSON
import ProgramSupport
import Testing

/// A MiniMind checkout with all that the pages' commands name, where a reader would stand.
struct ReaderCheckout {
  let workspace: Workspace

  /// A copy of the one that is made once.
  init() async throws {
    workspace = try Workspace()
    let original = try await Self.original.value
    for name in original.names() {
      try FileManager.default.copyItem(atPath: original.path(name), toPath: workspace.path(name))
    }
  }

  private static let original = Task { try await made() }

  private static func made() async throws -> Workspace {
    let minimind = try await MiniMindFolder()
    let workspace = minimind.workspace
    for name in ["Demo", "recipes"] {
      try FileManager.default.copyItem(atPath: Checkout.root.path + "/" + name, toPath: workspace.path(name))
    }
    let pairs = Pairs.some(12)
    for name in [
      "dpo.jsonl", "dpo_train.jsonl", "dpo_eval.jsonl", "held-out.jsonl", "a.jsonl", "b.jsonl",
      "dataset/dpo_train.jsonl", "dataset/dpo_eval.jsonl",
    ] {
      try workspace.write(pairs, to: name)
    }
    try workspace.write(Pairs.some(120), to: "dataset/dpo.jsonl")
    let texts = (1...60).map { number -> JSON in
      [
        "conversations": [
          Pairs.message("user", .string("How much is \(number) plus 2?")),
          Pairs.message("assistant", .string("It is \(number + 2).")),
        ]
      ]
    }
    for name in ["sft.jsonl", "dataset/sft_512.jsonl", "dataset/sft_t2t_mini.jsonl"] {
      try workspace.write(texts, to: name)
    }
    try workspace.write((1...4).map { ["prompt": .string("How much is \($0) plus 2?")] as JSON }, to: "prompts.jsonl")
    try workspace.write("How much is 1 plus 2?\nHow much is 2 plus 2?\n", to: "prompts.txt")
    try workspace.write(
      """
      import json, sys
      for line in sys.stdin:
          print(len(set(json.loads(line)["answer"].split())))
      """, to: "score.py")
    let sft = workspace.path("out/full_sft_768.pth")
    try FileManager.default.copyItem(atPath: sft, toPath: workspace.path("out/pretrain_768.pth"))
    try await minimind.succeed(["convert", "--model", "out/full_sft_768.pth", "--to", "minimind-3"], in: ".")
    try await TinyModel.make(in: workspace, named: "MODEL")
    for run in ["aligned", "run1", "run2"] {
      try await Program.succeed(
        train("--max-steps", "2", "--save-steps", "1", model: "minimind-3", data: "dpo.jsonl", output: run),
        in: workspace)
    }
    return workspace
  }

  /// What a page leaves to its reader to fill in.
  private static let placeholders = [
    "MODEL": "MODEL", "FILE": "dataset/dpo.jsonl", "FOLDER": "model", "COMMAND": "train",
    "[OPTIONS]": "--nproc-per-node 1",
    "文件": "dataset/dpo.jsonl", "文件夹": "model", "命令": "train", "[参数]": "--nproc-per-node 1",
  ]

  /// What a command needs that a page leaves out with "…".
  private static let needs: [String: [(option: String, value: String)]] = {
    let trains = [("--model", "minimind-3"), ("--train-data", "dpo.jsonl"), ("--output-dir", "output")]
    return [
      "train": trains, "launch": trains, "data": [("--tokenizer", "model"), ("--train-data", "dpo.jsonl")],
      "pairs": [
        ("--model", "minimind-3"), ("--prompts", "prompts.jsonl"), ("--output", "output.jsonl"),
        ("--score-command", "'python3 score.py'"),
      ],
    ]
  }()

  /// The command as this checkout runs it.
  func script(_ command: DocumentedCommand) -> String {
    var words = command.text.replacing("srun ", with: "").split(separator: " ").map(String.init)
      .map { Self.placeholders[$0] ?? $0 }
    if let gap = words.firstIndex(of: "…") {
      // "--model …" leaves out the rest as well.
      words.removeSubrange((words[gap - 1].hasPrefix("--") ? gap - 1 : gap)...gap)
      for (option, value) in Self.needs[words[1]] ?? [] where !words.contains(option) { words += [option, value] }
    }
    // An untrained model ends no answer; the demo's does.
    if words[1] == "pairs", let model = words.firstIndex(of: "--model") { words[model + 1] = "Demo" }
    // The demo's pairs are many.
    if words.contains("Demo"), ["train", "sweep"].contains(words[1]) { words += ["--max-steps", "2"] }
    return words.joined(separator: " ")
  }

  /// Runs a script with the program on the `PATH`, in the root of the checkout.
  func run(_ script: String) async throws -> Program.Outcome {
    let folder = Program.executable.deletingLastPathComponent().path
    return try await Program.run(
      ["-euo", "pipefail", "-c", "PATH=\(folder):$PATH\n" + script], in: workspace,
      program: URL(fileURLWithPath: "/bin/bash"))
  }
}
