import Foundation

/// Lines that were entered before, in memory and, where a file is named, there too.
public struct LineHistory: Sendable {
  private var lines: [String] = []
  /// Where Up and Down have led to; as many as there are lines for the new one.
  private var place = 0
  /// The new line, while older ones are looked at.
  private var draft = ""
  private let file: URL?
  private let limit: Int

  /// - Parameters:
  ///   - file: read now, and written at every new line; nil for memory alone. Where it cannot be used, nothing is said: a
  ///     history is a convenience.
  ///   - limit: the most lines that are kept
  public init(file: URL? = nil, limit: Int = 1000) {
    (self.file, self.limit) = (file, limit)
    let data = file.flatMap { FileManager.default.contents(atPath: $0.path) } ?? Data()
    lines = String(decoding: data, as: UTF8.self).split(separator: "\n").suffix(limit).map {
      Self.unescaped(String($0))
    }
    place = lines.count
  }

  /// The file of a program under XDG's folder for state: `~/.local/state/NAME/history`.
  public static func standardFile(
    _ name: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> URL? {
    let state = environment["XDG_STATE_HOME"].flatMap { $0.hasPrefix("/") ? URL(fileURLWithPath: $0) : nil }
    let home = environment["HOME"].flatMap { $0.isEmpty ? nil : URL(fileURLWithPath: $0) }
    return (state ?? home?.appendingPathComponent(".local/state"))?.appendingPathComponent(name)
      .appendingPathComponent("history")
  }

  /// Keeps a line, unless it is that before it again.
  public mutating func add(_ line: String) {
    defer { (place, draft) = (lines.count, "") }
    guard !line.isEmpty, line != lines.last else { return }
    lines.append(line)
    if lines.count > limit { lines.removeFirst(lines.count - limit) }
    save()
  }

  /// The line before the one that is shown; nil where there is none.
  public mutating func older(than shown: String) -> String? {
    guard place > 0 else { return nil }
    if place == lines.count { draft = shown }
    place -= 1
    return lines[place]
  }

  /// The line after the one that is shown; in the end the new one again.
  public mutating func newer() -> String? {
    guard place < lines.count else { return nil }
    place += 1
    return place == lines.count ? draft : lines[place]
  }

  /// What people say to a model is theirs: nobody else may read it.
  private func save() {
    guard let file else { return }
    let folder = file.deletingLastPathComponent()
    try? FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let text = lines.map { Self.escaped($0) + "\n" }.joined()
    let draft = folder.appendingPathComponent(".history-\(getpid())")
    guard
      FileManager.default.createFile(
        atPath: draft.path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    else { return }
    rename(draft.path, file.path)
  }

  private static func escaped(_ line: String) -> String {
    line.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
  }

  private static func unescaped(_ line: String) -> String {
    var (result, isEscape) = ("", false)
    for scalar in line.unicodeScalars {
      if isEscape {
        result.unicodeScalars.append(scalar == "n" ? "\n" : scalar)
        isEscape = false
      } else if scalar == "\\" {
        isEscape = true
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
