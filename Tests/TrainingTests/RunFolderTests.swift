import Foundation
import Testing
import Training

@Suite("The output folder of a run")
struct RunFolderTests {
  @Test("It is made where it is missing, with the folders above it")
  func made() throws {
    let scratch = try Scratch()
    let folder = try RunFolder(scratch.file("a/b/c"), existing: .refuse)
    #expect(FileManager.default.fileExists(atPath: folder.location.path))
    #expect(folder.checkpoints.isEmpty)
    #expect(folder.file("metrics.jsonl").path == scratch.file("a/b/c/metrics.jsonl").path)
  }

  @Test("A folder without a run is used and left unchanged, whatever else it holds", arguments: Self.allRules)
  func empty(existing: RunFolder.Existing) throws {
    let scratch = try Scratch()
    try write(["notes.txt", "train.jsonl", "checkpoint-old/model.bin"], in: scratch)
    _ = try RunFolder(scratch.url, existing: existing)
    #expect(try names(scratch) == ["checkpoint-old", "notes.txt", "train.jsonl"])
  }

  @Test(
    "Files that no run wrote and a run would replace are refused by name, even where a run may be replaced",
    arguments: [
      "model.safetensors", "config.json", "tokenizer.json", "metrics.jsonl", "checkpoint-500/model.safetensors",
    ])
  func others(file: String) throws {
    for existing in Self.allRules {
      let scratch = try Scratch()
      try write([file, "notes.txt"], in: scratch)
      let before = try names(scratch)
      let error = #expect(throws: TrainingError.self) { try RunFolder(scratch.url, existing: existing) }
      guard case .folderHoldsOthers(let path, let files)? = error else {
        Issue.record("\(error as Any)")
        continue
      }
      #expect(path == scratch.url.path)
      #expect(files == [String(file.prefix { $0 != "/" })])
      #expect(try names(scratch) == before)
    }
  }

  @Test("A run is refused unless it is to be resumed or replaced; resuming is advised where there is a checkpoint")
  func existingRun() throws {
    for (file, canResume) in [("environment.json", false), ("checkpoint-3/manifest.json", true)] {
      let scratch = try Scratch()
      try write([file, "notes.txt", "model.safetensors"], in: scratch)
      let before = try names(scratch)
      let error = #expect(throws: TrainingError.self) { try RunFolder(scratch.url, existing: .refuse) }
      guard case .folderInUse(let path, canResume)? = error else {
        Issue.record("\(error as Any)")
        continue
      }
      #expect(path == scratch.url.path)
      #expect(error?.description.contains("--resume-from-checkpoint auto") == canResume)
      #expect(error?.description.contains("--overwrite-output-dir") == true)
      #expect(try names(scratch) == before)

      _ = try RunFolder(scratch.url, existing: .resume)
      #expect(try names(scratch) == before)
    }
  }

  @Test("Replacing a run removes what a run writes and nothing else")
  func overwrite() throws {
    let scratch = try Scratch()
    try write(
      [
        "metrics.jsonl", "config.yaml", "environment.json", "report.html", "model.safetensors",
        "events.out.tfevents.1.node0.77", "checkpoint-2/manifest.json", "checkpoint-10/optimizer.safetensors",
        "notes.txt", "data/train.jsonl", "checkpoint-best/model.bin", "checkpoint-500/trainer_state.json",
        "events.out.tfevents.1.node0.77.0", "events.out.tfevents.1.node1.77", "events.out.tfevents.mine",
      ], in: scratch)
    let folder = try RunFolder(scratch.url, existing: .overwrite)
    #expect(
      try names(scratch) == [
        "checkpoint-500", "checkpoint-best", "data", "events.out.tfevents.1.node0.77.0",
        "events.out.tfevents.1.node1.77", "events.out.tfevents.mine", "notes.txt",
      ])
    #expect(folder.checkpoints.isEmpty)
  }

  @Test("A run without a checkpoint has nothing to resume from, which is no error")
  func nothingToResume() throws {
    let scratch = try Scratch()
    try write(["environment.json"], in: scratch)
    let folder = try RunFolder(scratch.url, existing: .resume)
    #expect(try RunCheckpoint.newest(in: folder) { _ in } == nil)
  }

  @Test(
    "A folder in which a run goes on is refused whatever is asked, and nothing in it changes", arguments: Self.allRules)
  func locked(existing: RunFolder.Existing) throws {
    let scratch = try Scratch()
    try write(["environment.json", "metrics.jsonl", "checkpoint-3/manifest.json"], in: scratch)
    let living = try RunFolder(scratch.url, existing: .resume)
    let before = try names(scratch)
    let error = #expect(throws: TrainingError.self) { try RunFolder(scratch.url, existing: existing) }
    guard case .folderLocked(_, let holder)? = error else {
      Issue.record("\(error as Any)")
      return
    }
    #expect(holder.contains("process \(getpid()) on host"))
    #expect(try names(scratch) == before)
    living.release()
    _ = try RunFolder(scratch.url, existing: .resume)
  }

  @Test("A folder that is removed or renamed under a run is made again, or another one is used")
  func gone() throws {
    let scratch = try Scratch()
    let folder = try RunFolder(scratch.file("out"), existing: .refuse)
    #expect(try folder.putBackIfGone() == nil)
    try FileManager.default.removeItem(at: scratch.file("out"))
    #expect(try folder.putBackIfGone()?.contains("made again") == true)
    #expect(try folder.putBackIfGone() == nil)

    try FileManager.default.moveItem(at: scratch.file("out"), to: scratch.file("moved"))
    let words = try folder.putBackIfGone(rescue: scratch.file("rescue"))
    #expect(words?.contains(scratch.file("rescue").path) == true)
    #expect(folder.location.path == scratch.file("rescue").path)
    // The place that was given up is free for others.
    _ = try RunFolder(scratch.file("out"), existing: .refuse)
  }

  @Test("What somebody else has put in the folder's place is left alone")
  func replaced() throws {
    let scratch = try Scratch()
    let folder = try RunFolder(scratch.file("out"), existing: .refuse)
    try FileManager.default.moveItem(at: scratch.file("out"), to: scratch.file("moved"))
    try write(["out/model.safetensors"], in: scratch)
    #expect(try folder.putBackIfGone()?.contains("another folder") == true)
    #expect(folder.location.lastPathComponent == "out-\(getpid())")
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.file("out").path) == ["model.safetensors"])
  }

  @Test("Checkpoints are listed by their steps, newest first, and old ones removed")
  func checkpoints() throws {
    let scratch = try Scratch()
    try write([9, 10, 100, 2].map { "checkpoint-\($0)/manifest.json" } + ["checkpoint-x/a"], in: scratch)
    let folder = try RunFolder(scratch.url, existing: .resume)
    #expect(folder.checkpoints.map(\.step) == [100, 10, 9, 2])
    #expect(folder.checkpoints.first?.folder.lastPathComponent == folder.checkpoint(step: 100).lastPathComponent)
    folder.removeOldCheckpoints(keeping: 2)
    #expect(folder.checkpoints.map(\.step) == [100, 10])
    folder.removeOldCheckpoints(keeping: 0)
    #expect(folder.checkpoints.map(\.step) == [100])
    #expect(try names(scratch) == ["checkpoint-100", "checkpoint-x"])
  }

  @Test("The best checkpoint is never removed, and counts among those that are kept beside the newest")
  func bestCheckpoint() throws {
    for (limit, left) in [(3, [100, 10, 2]), (2, [100, 2]), (1, [100, 2])] {
      let scratch = try Scratch()
      try write([9, 10, 100, 2].map { "checkpoint-\($0)/manifest.json" }, in: scratch)
      let folder = try RunFolder(scratch.url, existing: .resume)
      folder.removeOldCheckpoints(keeping: limit, best: 2)
      #expect(folder.checkpoints.map(\.step) == left, "of \(limit)")
    }
    let scratch = try Scratch()
    try write([9, 10].map { "checkpoint-\($0)/manifest.json" }, in: scratch)
    let folder = try RunFolder(scratch.url, existing: .resume)
    folder.removeOldCheckpoints(keeping: 1, best: 10)
    #expect(folder.checkpoints.map(\.step) == [10])
  }

  @Test("Where nothing can be written the path and the reason are named", arguments: Self.allRules)
  func unwritable(existing: RunFolder.Existing) throws {
    // The tests may run as root, whom permissions do not stop; a file in the way stops everybody.
    let scratch = try Scratch()
    try write(["file"], in: scratch)
    for name in ["file", "file/run", "file/a/run"] {
      let error = #expect(throws: TrainingError.self) { try RunFolder(scratch.file(name), existing: existing) }
      guard case .cannotWrite(let path, let reason)? = error else {
        Issue.record("\(error as Any)")
        continue
      }
      #expect(path == scratch.file(name).path)
      #expect(["Not a directory", "File exists"].contains(reason), "\(reason)")
    }
  }

  /// What a run says of itself.
  private static let environment = #"{"program": "0.1.0", "host": "node0", "started": "2026-01-01T00:00:00Z"}"#

  private static let allRules = [RunFolder.Existing.refuse, .resume, .overwrite]

  private func write(_ names: [String], in scratch: Scratch) throws {
    for name in names {
      let file = scratch.file(name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      let isEnvironment = name == "environment.json"
      try Data((isEnvironment ? Self.environment : "x").utf8).write(to: file)
    }
  }

  private func names(_ scratch: Scratch) throws -> [String] {
    // The lock is there as long as the folder is in use.
    try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).filter { $0 != ".run-lock" }.sorted()
  }
}
