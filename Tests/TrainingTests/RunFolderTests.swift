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

  @Test("A folder without a run is taken as it is, whatever else it holds", arguments: Self.allRules)
  func empty(existing: RunFolder.Existing) throws {
    let scratch = try Scratch()
    try write(["notes.txt", "tokenizer.json", "checkpoint-old/model.bin"], in: scratch)
    _ = try RunFolder(scratch.url, existing: existing)
    #expect(try names(scratch) == ["checkpoint-old", "notes.txt", "tokenizer.json"])
  }

  @Test(
    "A run is refused unless it is to be resumed or replaced",
    arguments: ["metrics.jsonl", "config.yaml", "model.safetensors", "checkpoint-3/manifest.json"])
  func existingRun(file: String) throws {
    let scratch = try Scratch()
    try write([file, "notes.txt"], in: scratch)
    let before = try names(scratch)
    let error = #expect(throws: TrainingError.self) { try RunFolder(scratch.url, existing: .refuse) }
    guard case .folderInUse(let path)? = error else {
      Issue.record("\(error as Any)")
      return
    }
    #expect(path == scratch.url.path)
    #expect(error?.description.contains("--resume-from-checkpoint auto") == true)
    #expect(error?.description.contains("--overwrite-output-dir") == true)
    #expect(try names(scratch) == before)

    _ = try RunFolder(scratch.url, existing: .resume)
    #expect(try names(scratch) == before)
  }

  @Test("Replacing a run removes what a run leaves and nothing else")
  func overwrite() throws {
    let scratch = try Scratch()
    try write(
      [
        "metrics.jsonl", "config.yaml", "environment.json", "report.html", "model.safetensors",
        "events.out.tfevents.1.host", "checkpoint-2/manifest.json", "checkpoint-10/manifest.json", "notes.txt",
        "data/train.jsonl", "checkpoint-best/model.bin",
      ], in: scratch)
    let folder = try RunFolder(scratch.url, existing: .overwrite)
    #expect(try names(scratch) == ["checkpoint-best", "data", "notes.txt"])
    #expect(folder.checkpoints.isEmpty)
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

  private static let allRules = [RunFolder.Existing.refuse, .resume, .overwrite]

  private func write(_ names: [String], in scratch: Scratch) throws {
    for name in names {
      let file = scratch.file(name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data("x".utf8).write(to: file)
    }
  }

  private func names(_ scratch: Scratch) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).sorted()
  }
}
