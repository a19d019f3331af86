import Foundation
import OrderedJSON
import ProgramSupport
import Subprocess
import Testing

@Suite("A disk without room")
struct FullDiskTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  private func training(_ output: String, steps: Int) -> [String] {
    train(
      "--batch-size", "6", "--max-steps", "\(steps)", "--save-steps", "5", "--logging-steps", "1", "--learning-rate",
      "1e-4", data: Checkout.demo("train.jsonl"), output: output)
  }

  private func steps(_ output: String) throws -> [Int] {
    try workspace.lines(output + "/metrics.jsonl").filter { $0["loss"] != nil }.compactMap { $0["step"]?.int }
  }

  @Test("A limit on the size of files: training goes on to its end, which is exit code 73, and nothing is half written")
  func limited() async throws {
    try await TinyModel.make(in: workspace)
    let outcome = try await Program.run(
      ["-c", #"ulimit -f 40; exec "$0" "$@""#, Program.executable.path] + training("out", steps: 6), in: workspace,
      program: URL(fileURLWithPath: "/bin/sh"))
    expect(
      outcome, code: 73, says: "no checkpoint at step 5", "larger than the limit of this process allows",
      "Training goes on", "error: ", "out/model.safetensors", "There is no checkpoint")
    #expect(try steps("out") == Array(1...6))
    #expect(!workspace.names(in: "out").contains { $0.contains("partial") || $0.hasPrefix("checkpoint") })
    #expect(!workspace.exists("out/model.safetensors"))
  }

  @Test(
    "Full for a while: what was kept back is written in order when there is room. Full at the end: 73, and the checkpoint",
    .enabled(if: SmallDisk.canBeMade, "a small disk (tmpfs) can be mounted by root only"))
  func full() async throws {
    try await TinyModel.make(in: workspace)
    let disk = try SmallDisk(workspace.url.appendingPathComponent("disk"))
    let workspace = workspace
    let outcome = try await Program.run(training("disk/out", steps: 100_000), in: workspace) { run in
      func hasCheckpoint(after step: Int) -> Bool {
        workspace.names(in: "disk/out").contains { Int($0.dropFirst("checkpoint-".count)).map { $0 > step } ?? false }
      }
      try await run.wait { hasCheckpoint(after: 0) }
      disk.fill()
      try await Task.sleep(for: .seconds(2))
      let size = try workspace.bytes("disk/out/metrics.jsonl").count
      let last = try workspace.lines("disk/out/metrics.jsonl").compactMap { $0["step"]?.int }.max() ?? 0
      disk.empty()
      // Steps were trained meanwhile, and their records come now.
      try await run.wait { try workspace.bytes("disk/out/metrics.jsonl").count > size }
      try await run.wait { hasCheckpoint(after: last) }
      disk.fill()
      try run.send(.terminate)
    }
    expect(
      outcome, code: 73, says: "no checkpoint at step", "no space is left on the disk", "Training goes on",
      "there is room again", "stopped by SIGTERM, and no checkpoint could be written",
      "The last whole checkpoint is ", "/disk/out/checkpoint-")
    disk.empty()
    let found = try steps("disk/out")
    #expect(found == Array(1...found.count))
    #expect(!workspace.names(in: "disk/out").contains { $0.contains("partial") })
    withExtendedLifetime(disk) {}
  }
}

/// A file system of four megabytes in memory, gone with the object.
private final class SmallDisk: Sendable {
  private let folder: URL

  init(_ folder: URL) throws {
    self.folder = folder
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try #require(Self.shell("mount -t tmpfs -o size=4m tmpfs '\(folder.path)'"))
  }

  deinit { _ = Self.shell("umount -l '\(folder.path)'") }

  /// Leaves no room.
  func fill() { _ = Self.shell("dd if=/dev/zero of='\(folder.path)/filler' bs=4k 2>/dev/null") }

  /// Makes room again.
  func empty() { unlink(folder.path + "/filler") }

  static let canBeMade: Bool = {
    guard getuid() == 0, let workspace = try? Workspace() else { return false }
    return (try? SmallDisk(workspace.url.appendingPathComponent("disk"))) != nil
  }()

  private static func shell(_ line: String) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", line]
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }
}
