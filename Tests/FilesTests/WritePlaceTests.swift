import Files
import Foundation
import Testing

@Suite("What is no plain file is never replaced by one")
struct WritePlaceTests {
  private func kind(_ file: URL) -> mode_t {
    var status = stat()
    return lstat(file.path, &status) == 0 ? status.st_mode & S_IFMT : 0
  }

  @Test("A symbolic link stays, and the file that it names is replaced, whole, beside itself")
  func link() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(at: scratch.file("far"), withIntermediateDirectories: true)
    try scratch.write(Array("old".utf8), to: "far/target")
    for (link, target) in [
      ("absolute", scratch.file("far/target").path), ("relative", "far/target"), ("twice", "relative"),
    ] {
      try FileManager.default.createSymbolicLink(atPath: scratch.file(link).path, withDestinationPath: target)
      try writeAtomically(Array("new \(link)".utf8), to: scratch.file(link))
      #expect(kind(scratch.file(link)) == S_IFLNK)
      #expect(kind(scratch.file("far/target")) == S_IFREG)
      #expect(try scratch.text("far/target") == "new \(link)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.file("far").path) == ["target"])
  }

  @Test("A link to a file that is not there yet makes that file")
  func danglingLink() throws {
    let scratch = try Scratch()
    try FileManager.default.createSymbolicLink(atPath: scratch.file("link").path, withDestinationPath: "later")
    try writeAtomically([1], to: scratch.file("link"))
    #expect(kind(scratch.file("link")) == S_IFLNK)
    #expect(try scratch.names == ["later", "link"])
  }

  @Test("Links in a circle, and a folder, are refused")
  func refused() throws {
    let scratch = try Scratch()
    try FileManager.default.createSymbolicLink(atPath: scratch.file("a").path, withDestinationPath: "b")
    try FileManager.default.createSymbolicLink(atPath: scratch.file("b").path, withDestinationPath: "a")
    for file in [scratch.file("a"), scratch.url] {
      #expect(try failure { try writeAtomically([1], to: file) }.isWriteFailure)
    }
    #expect(try scratch.names == ["a", "b"])
  }

  @Test("A pipe is written to and stays one")
  func pipe() throws {
    let scratch = try Scratch()
    let path = scratch.file("pipe").path
    try #require(mkfifo(path, 0o600) == 0)
    let reader = open(path, O_RDONLY | O_NONBLOCK)
    defer { close(reader) }
    try writeAtomically(Array("through".utf8), to: scratch.file("pipe"))
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = read(reader, &bytes, bytes.count)
    #expect(String(decoding: bytes[..<max(0, count)], as: UTF8.self) == "through")
    #expect(kind(scratch.file("pipe")) == S_IFIFO)
    #expect(try scratch.names == ["pipe"])
  }

  @Test("Devices are written to: one that takes all, and one that takes nothing")
  func devices() throws {
    let before = (kind(URL(fileURLWithPath: "/dev/null")), FileIdentity(of: URL(fileURLWithPath: "/dev/null")))
    try writeAtomically([1, 2, 3], to: URL(fileURLWithPath: "/dev/null"))
    #expect(kind(URL(fileURLWithPath: "/dev/null")) == before.0)
    #expect(FileIdentity(of: URL(fileURLWithPath: "/dev/null")) == before.1)
    if access("/dev/full", F_OK) == 0 {
      #expect(
        try failure { try writeAtomically([1], to: URL(fileURLWithPath: "/dev/full")) }.reason
          == .cannotWrite(.noSpace))
      #expect(kind(URL(fileURLWithPath: "/dev/full")) == S_IFCHR)
    }
  }

  @Test(
    "A device that a link leads to is never replaced; a node made for the test, as root",
    .enabled(if: getuid() == 0, "making a device node takes root"))
  func node() throws {
    let scratch = try Scratch()
    let node = scratch.file("null")
    // 1, 3: /dev/null. Some containers forbid it.
    guard mknod(node.path, S_IFCHR | 0o666, 1 << 8 | 3) == 0 else { return }
    try FileManager.default.createSymbolicLink(atPath: scratch.file("link").path, withDestinationPath: "null")
    for name in ["null", "link"] {
      // A file system that was mounted without devices refuses to open it, which is as good.
      try? writeAtomically([1], to: scratch.file(name))
      #expect(kind(node) == S_IFCHR)
    }
    #expect(try scratch.names == ["link", "null"])
  }

  @Test("A folder is written where its link leads; a file in its place is refused and stays")
  func folders() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(at: scratch.file("real"), withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: scratch.file("link").path, withDestinationPath: "real")
    try AtomicDirectory.write(to: scratch.file("link"), replacing: true) { folder in
      try writeAtomically([7], to: folder.appendingPathComponent("a"))
    }
    #expect(kind(scratch.file("link")) == S_IFLNK)
    #expect(try Data(contentsOf: scratch.file("real/a")) == Data([7]))
    try scratch.write([1], to: "file")
    let error = try failure { try AtomicDirectory.write(to: scratch.file("file"), replacing: true) { _ in } }
    #expect(error.isWriteFailure)
    #expect(try Data(contentsOf: scratch.file("file")) == Data([1]))
    #expect(try scratch.names == ["file", "link", "real"])
  }
}
