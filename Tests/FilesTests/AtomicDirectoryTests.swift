import Files
import Foundation
import Testing

@Suite("Atomic folders")
struct AtomicDirectoryTests {
  @Test("A folder appears with its files and a manifest of their sizes and checksums")
  func writing() throws {
    let scratch = try Scratch()
    let checkpoint = scratch.file("checkpoint-1")
    let manifest = try AtomicDirectory.write(to: checkpoint) { folder in
      try writeAtomically("abc".utf8, to: folder.appendingPathComponent("a.txt"))
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent("rank-0"), withIntermediateDirectories: false)
      try writeAtomically([], to: folder.appendingPathComponent("rank-0/empty"))
      #expect(!FileManager.default.fileExists(atPath: checkpoint.path))
    }
    // The digests of "abc" (FIPS 180-2, appendix B.1) and of nothing.
    #expect(
      manifest.files.mapValues(\.sha256) == [
        "a.txt": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "rank-0/empty": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      ])
    #expect(manifest.files.mapValues(\.size) == ["a.txt": 3, "rank-0/empty": 0])
    #expect(try scratch.names == ["checkpoint-1"])
    #expect(try AtomicDirectory.verify(checkpoint) == manifest)
  }

  @Test("A damaged folder is recognised, with each file and what is wrong with it")
  func damages() throws {
    let scratch = try Scratch()
    let checkpoint = scratch.file("checkpoint-1")
    try AtomicDirectory.write(to: checkpoint) { folder in
      for name in ["changed", "gone", "short", "sound"] {
        try writeAtomically("0123456789".utf8, to: folder.appendingPathComponent(name))
      }
    }
    try scratch.write(Array("0123x56789".utf8), to: "checkpoint-1/changed")
    try scratch.write(Array("0123".utf8), to: "checkpoint-1/short")
    try FileManager.default.removeItem(at: scratch.file("checkpoint-1/gone"))
    let manifest = try Manifest(readingFrom: checkpoint)
    #expect(
      manifest.damages(in: checkpoint).map { [$0.file: $0.kind] } == [
        ["changed": .contents], ["gone": .missing], ["short": .size(found: 4, expected: 10)],
      ])
    let error = try failure { try AtomicDirectory.verify(checkpoint) }
    #expect(error.reason == .damaged)
    #expect(error.description.contains("gone is missing"))
    #expect(error.description.contains("short has 4 bytes instead of 10"))
  }

  @Test("A folder is removed in one step: who looks meanwhile sees all of its files or no folder")
  func removal() async throws {
    let scratch = try Scratch()
    let folder = scratch.file("checkpoint-1")
    let names = (0..<2000).map { "file-\($0)" }
    try AtomicDirectory.write(to: folder) { folder in
      for name in names { try Data().write(to: folder.appendingPathComponent(name)) }
    }
    let looking = Task.detached { () -> Set<Int> in
      var seen: Set<Int> = []
      while FileManager.default.fileExists(atPath: folder.path) {
        // Counted only where the folder was there before and after.
        let count = names.count { FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path) }
        if FileManager.default.fileExists(atPath: folder.path) { seen.insert(count) }
      }
      return seen
    }
    try await Task.sleep(for: .milliseconds(20))
    try AtomicDirectory.remove(folder)
    #expect(await looking.value.isSubset(of: [names.count]))
    #expect(try scratch.names == [])
    #expect(try failure { try AtomicDirectory.remove(folder) }.reason == .cannotWrite(.missingParent))
  }

  @Test("A folder without a manifest, or with a broken one, is not a checkpoint")
  func manifests() throws {
    let scratch = try Scratch()
    #expect(try failure { try AtomicDirectory.verify(scratch.url) }.reason == .missing)
    for text in [
      "", "{", "{}", #"{"version": 2, "files": {}}"#, #"{"version": 1, "files": {"a": {"size": 1}}}"#,
      #"{"version": 1, "files": {"../a": {"size": 1, "sha256": ""}}}"#,
      #"{"version": 1, "files": {"/etc/passwd": {"size": 1, "sha256": ""}}}"#,
    ] {
      try scratch.write(Array(text.utf8), to: Manifest.fileName)
      #expect(try failure { try AtomicDirectory.verify(scratch.url) }.reason == .damaged)
    }
  }

  @Test("When writing fails, nothing is left and nothing has changed")
  func failing() throws {
    struct Stop: Error {}
    let scratch = try Scratch()
    let checkpoint = scratch.file("checkpoint-1")
    #expect(throws: Stop.self) {
      try AtomicDirectory.write(to: checkpoint) { folder in
        try writeAtomically("abc".utf8, to: folder.appendingPathComponent("a"))
        throw Stop()
      }
    }
    #expect(try scratch.names.isEmpty)
    try AtomicDirectory.write(to: checkpoint) { _ in }
    #expect(throws: Stop.self) { try AtomicDirectory.write(to: checkpoint, replacing: true) { _ in throw Stop() } }
    try AtomicDirectory.verify(checkpoint)
    // A writer that is dropped without a commit.
    _ = try AtomicDirectory(scratch.file("checkpoint-2"))
    #expect(try scratch.names == ["checkpoint-1"])
  }

  @Test("An existing folder is replaced only on request, and then completely")
  func replacing() throws {
    let scratch = try Scratch()
    let checkpoint = scratch.file("checkpoint-1")
    try AtomicDirectory.write(to: checkpoint) { try writeAtomically("1".utf8, to: $0.appendingPathComponent("old")) }
    let error = try failure { try AtomicDirectory.write(to: checkpoint) { _ in } }
    #expect(error.reason == .cannotWrite(.alreadyExists))
    #expect(error.file == checkpoint.path)
    try AtomicDirectory.write(to: checkpoint, replacing: true) {
      try writeAtomically("2".utf8, to: $0.appendingPathComponent("new"))
    }
    #expect(try AtomicDirectory.verify(checkpoint).files.keys == ["new"])
    #expect(!FileManager.default.fileExists(atPath: checkpoint.appendingPathComponent("old").path))
    #expect(try scratch.names == ["checkpoint-1"])
  }

  @Test("What a killed writer left is removed by the next writer, and nothing else is")
  func leftovers() throws {
    let scratch = try Scratch()
    // What a writer leaves that was killed between its manifest and its renaming: everything but the name.
    try AtomicDirectory.write(to: scratch.file("checkpoint-1")) { folder in
      try writeAtomically("abc".utf8, to: folder.appendingPathComponent("a"))
    }
    let dead = scratch.file(".checkpoint-1.partial-0123456789abcdef")
    try FileManager.default.moveItem(at: scratch.file("checkpoint-1"), to: dead)
    try scratch.write([1], to: ".model.safetensors.partial-00000000000000ff")

    // One that lives, and what has only a similar name.
    let living = try AtomicDirectory(scratch.file("checkpoint-2"))
    #expect(try scratch.names == [living.url.lastPathComponent])
    try scratch.write([1], to: ".notes.partial-x")
    try scratch.write([1], to: "a.partial-0123456789abcdef")

    try AtomicDirectory.write(to: scratch.file("checkpoint-3")) { _ in }
    #expect(
      try Set(scratch.names) == [
        living.url.lastPathComponent, ".notes.partial-x", "a.partial-0123456789abcdef", "checkpoint-3",
      ])
    try living.commit()
    try AtomicDirectory.verify(scratch.file("checkpoint-2"))
    #expect(AtomicDirectory.removeLeftovers(in: scratch.url).isEmpty)
  }

  @Test("A killed process leaves the old file or the new one, never a part")
  func replacedFile() throws {
    let scratch = try Scratch()
    let url = scratch.file("model.safetensors")
    try writeAtomically("old".utf8, to: url)
    try writeAtomically("new and longer".utf8, to: url)
    #expect(try String(contentsOf: url, encoding: .utf8) == "new and longer")
    #expect(try scratch.names == ["model.safetensors"])
  }

  @Test("No space, no permission, no folder: each has its own reason and names the path")
  func cannotWrite() throws {
    // Every write to this device fails for want of space.
    let full = try FileWriter("/dev/full", creating: false)
    let error = try failure { try full.write([1]) }
    #expect(error.reason == .cannotWrite(.noSpace))
    #expect(error.description.contains("/dev/full"))
    #expect(error.isWriteFailure)

    let scratch = try Scratch()
    let orphan = scratch.file("absent/checkpoint-1")
    #expect(try failure { try AtomicDirectory.write(to: orphan) { _ in } }.reason == .cannotWrite(.missingParent))
    #expect(try failure { try writeAtomically([1], to: orphan) }.reason == .cannotWrite(.missingParent))
    try scratch.write([1], to: "file")
    #expect(
      try failure { try writeAtomically([1], to: scratch.file("file/a")) }.reason == .cannotWrite(.missingParent))
    try FileManager.default.createDirectory(at: scratch.file("folder"), withIntermediateDirectories: false)
    #expect(try failure { try writeAtomically([1], to: scratch.file("folder")) }.reason == .cannotWrite(.alreadyExists))
    #expect(try scratch.names == ["file", "folder"])

    for (code, expected) in [
      (ENOSPC, FileError.WriteFailure.noSpace), (EDQUOT, .noSpace), (EROFS, .readOnly), (EACCES, .readOnly),
      (ENOENT, .missingParent), (EEXIST, .alreadyExists), (EIO, .system(EIO)),
    ] {
      let error = FileError.cannotWrite("/a/b", errno: code)
      #expect(error.reason == .cannotWrite(expected))
      #expect(error.description.hasPrefix("/a/b: "))
    }
  }

  @Test(
    "A folder without permission to write has its own reason",
    .enabled(if: geteuid() != 0, "the superuser may write everywhere"))
  func readOnly() throws {
    let scratch = try Scratch()
    let folder = scratch.file("folder")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o555])
    let checkpoint = folder.appendingPathComponent("checkpoint-1")
    #expect(try failure { try AtomicDirectory.write(to: checkpoint) { _ in } }.reason == .cannotWrite(.readOnly))
  }

  @Test("Only regular files may be in a checkpoint")
  func links() throws {
    let scratch = try Scratch()
    let error = try failure {
      try AtomicDirectory.write(to: scratch.file("checkpoint-1")) { folder in
        try FileManager.default.createSymbolicLink(
          at: folder.appendingPathComponent("link"), withDestinationURL: URL(fileURLWithPath: "/etc/passwd"))
      }
    }
    #expect(error.reason == .cannotWrite(.invalidContents))
    #expect(try scratch.names.isEmpty)
  }
}
