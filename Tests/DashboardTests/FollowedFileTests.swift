import Dashboard
import Foundation
import Testing

@Suite("Following a file that others write")
struct FollowedFileTests {
  private let folder: URL
  private var file: URL { folder.appendingPathComponent("metrics.jsonl") }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("followed-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func append(_ text: String) throws {
    if !FileManager.default.fileExists(atPath: file.path) { try Data().write(to: file) }
    let handle = try FileHandle(forWritingTo: file)
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(text.utf8))
    try handle.close()
  }

  private func texts(_ piece: FollowedFile.Piece) -> [String] {
    piece.lines.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test(
    "However the file grows, and however little is read at once, the lines are those of the whole file",
    arguments: 1...6)
  func growth(seed: Int) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = (0..<300).map { "{\"step\":\($0),\"text\":\"\(String(repeating: "é", count: $0 % 40))\"}\n" }.joined()
    let bytes = Array(text.utf8)
    var followed = FollowedFile(file)
    var lines: [Data] = []
    var at = 0
    var state = UInt64(seed)
    while at < bytes.count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let end = min(bytes.count, at + 1 + Int(state >> 33) % 900)
      let handle = at == 0 ? nil : try FileHandle(forWritingTo: file)
      if let handle {
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(bytes[at..<end]))
        try handle.close()
      } else {
        try Data(bytes[at..<end]).write(to: file)
      }
      at = end
      var piece = followed.look(limit: 100 + seed * 50)
      #expect(!piece.isOther)
      lines += piece.lines
      while piece.hasMore {
        piece = followed.look(limit: 100 + seed * 50)
        lines += piece.lines
      }
    }
    #expect(lines.map { String(decoding: $0, as: UTF8.self) + "\n" }.joined() == text)
    #expect(followed.look().lines.isEmpty)
  }

  @Test("A file that is replaced, emptied, or emptied and longer than before is read from its first line again")
  func restarts() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    var followed = FollowedFile(file)
    #expect(texts(followed.look()).isEmpty && !followed.exists)
    try append("one\ntwo\nthr")
    #expect(texts(followed.look()) == ["one", "two"])
    // Replaced by another file.
    try Data("new\n".utf8).write(to: file, options: .atomic)
    var piece = followed.look()
    #expect(piece.isOther && texts(piece) == ["new"])
    // Emptied in place, and shorter.
    try append("more of it\n")
    #expect(texts(followed.look()) == ["more of it"])
    truncate(file.path, 0)
    try append("a\n")
    piece = followed.look()
    #expect(piece.isOther && texts(piece) == ["a"])
    // Emptied in place, and longer before anybody looks.
    truncate(file.path, 0)
    try append("quite another beginning\nand more\n")
    piece = followed.look()
    #expect(piece.isOther && texts(piece) == ["quite another beginning", "and more"])
    // A torn line at the end of a killed run, which is cut when the run is resumed.
    try append("torn li")
    #expect(followed.look().lines.isEmpty)
    truncate(file.path, off_t("quite another beginning\nand more\n".utf8.count))
    try append("whole\n")
    piece = followed.look()
    #expect(piece.isOther && texts(piece) == ["quite another beginning", "and more", "whole"])
    // Deleted, and there again.
    try FileManager.default.removeItem(at: file)
    #expect(followed.look().isOther && !followed.exists)
    #expect(!followed.look().isOther)
    try append("again\n")
    #expect(texts(followed.look()) == ["again"])
  }

  @Test("What is no file, or no text, harms nothing")
  func strange() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    var folderItself = FollowedFile(folder)
    #expect(folderItself.look().lines.isEmpty)
    mkfifo(file.path, 0o600)
    var pipe = FollowedFile(file)
    #expect(pipe.look().lines.isEmpty)
    unlink(file.path)
    try Data((0...255).map { UInt8($0) } + [10]).write(to: file)
    var binary = FollowedFile(file)
    #expect(binary.look().lines.count == 2)
  }
}
