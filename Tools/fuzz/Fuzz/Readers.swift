import Checkpoints
import Files
import Foundation
import Jinja
import Launcher
import MiniMind
import Observability
import OrderedJSON
import Preferences
import Tokenization

/// Everything that reads bytes which this program did not write itself, or which may have been damaged since.
let readers: [String: @Sendable (Data) -> Void] = [
  "json": { bytes in
    guard let json = try? JSON(parsing: bytes) else { return }
    // What was read can be written, and is then read as the same.
    let text = json.serialized()
    precondition((try? JSON(parsing: text))?.serialized() == text, "JSON is not read as it was written")
  },
  "template": { bytes in
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    _ = try? Template(text).render(conversation, now: Date(timeIntervalSince1970: 0))
  },
  "tokenizer": { bytes in
    guard let json = try? JSON(parsing: bytes), let tokenizer = try? Tokenizer(json: json) else { return }
    let ids = tokenizer.encode("Hello, 你好 <|im_start|>user\n 12345 ’s \u{1F600}")
    _ = tokenizer.decode(ids)
  },
  "tokenizer-config": { bytes in
    inFolder(["tokenizer_config.json": bytes]) { _ = try? ChatTemplate(folder: $0) }
  },
  "pairs": { bytes in
    _ = try? PreferenceFile(bytes: bytes, name: "fuzz", skipBadLines: true)
    _ = try? PreferenceFile(bytes: bytes, name: "fuzz", applyChatTemplate: true)
  },
  "pairs-file": { bytes in inFile("pairs.jsonl", bytes) { _ = try? PreferenceFile(contentsOf: $0) } },
  "metrics": { bytes in
    inFile("metrics.jsonl", bytes) { _ = try? MetricsLog(contentsOf: $0) }
    var followed = FollowedLog(recordLimit: 8)
    for line in bytes.split(separator: UInt8(ascii: "\n")) { followed.add(line: line) }
    var run = ReportRun(name: "fuzz", log: followed.log, environment: try? JSON(parsing: Data(bytes)))
    run.isRunning = true
    _ = run.members(name: "fuzz", clockLimit: 10)
    _ = RankStates(run, activity: RunActivity(Data(bytes)), isSuspended: false).json
  },
  "manifest": { bytes in
    inFolder([Manifest.fileName: bytes]) { folder in
      guard let manifest = try? Manifest(readingFrom: folder) else { return }
      _ = manifest.damages(in: folder)
    }
  },
  "launch-arguments": { bytes in
    let words = bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    _ = try? LaunchOptions.parse(words, environment: [:], cores: 2, devices: { 2 })
  },
  "environment": { bytes in
    var variables: [String: String] = [:]
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1).map { String(decoding: $0, as: UTF8.self) }
      if parts.count == 2 { variables[parts[0]] = parts[1] }
    }
    _ = try? WorkerEnvironment(variables)
  },
  "safetensors": { bytes in
    inFile("model.safetensors", bytes) { file in
      guard let tensors = try? SafetensorsFile(contentsOf: file) else { return }
      for name in tensors.names.prefix(8) { _ = try? tensors.tensor(name) }
    }
  },
  "torch-save": { bytes in
    // Without checksums, which the fuzzer cannot guess.
    inFile("model.pth", bytes) { _ = try? TorchArchive.read($0, verifyingChecksums: false) }
  },
  "weights-index": { bytes in
    inFile("model.safetensors.index.json", bytes) { _ = try? ShardIndex(contentsOf: $0) }
  },
  "config": { bytes in
    guard let json = try? JSON(parsing: bytes), let configuration = try? ModelConfiguration(json) else { return }
    _ = configuration.huggingFaceJSON(dtype: .float32)
    _ = configuration.parameterCount
  },
]

/// What templates are rendered with.
private let conversation: JSON.Object = [
  "messages": [
    ["role": "system", "content": "Be brief."], ["role": "user", "content": "1 < 2 ? 你好"],
    [
      "role": "assistant", "content": "<think>\nyes\n</think>\n\nYes.",
      "tool_calls": [["type": "function", "function": ["name": "f", "arguments": ["x": 1.5, "y": [true, .null]]]]],
    ],
    ["role": "tool", "content": "{\"a\": 1}"],
  ],
  "tools": [["type": "function", "function": ["name": "f", "parameters": ["type": "object"]]]],
  "add_generation_prompt": true, "enable_thinking": false, "bos_token": "<s>", "eos_token": "</s>",
]

/// In memory, where there is such a place.
private let scratch: URL = {
  let memory = URL(fileURLWithPath: "/dev/shm")
  let parent = FileManager.default.isWritableFile(atPath: memory.path) ? memory : FileManager.default.temporaryDirectory
  let folder = parent.appendingPathComponent("minimind-fuzz-\(ProcessInfo.processInfo.processIdentifier)")
  try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  atexit { try? FileManager.default.removeItem(at: scratch) }
  return folder
}()

private func inFolder(_ files: [String: Data], _ body: (URL) -> Void) {
  for (name, bytes) in files { try? bytes.write(to: scratch.appendingPathComponent(name)) }
  body(scratch)
}

private func inFile(_ name: String, _ bytes: Data, _ body: (URL) -> Void) {
  inFolder([name: bytes]) { body($0.appendingPathComponent(name)) }
}
