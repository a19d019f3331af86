import Files
import Foundation
import OrderedJSON

/// The folder `trackers` of a run: under which id trackers know it, what they have got, and the adapter.
struct TrackersFolder {
  static let name = "trackers"
  let location: URL

  init(ofRunIn folder: URL) { location = folder.appending(path: Self.name) }

  func file(_ name: String) -> URL { location.appending(path: name) }

  /// Writes what adapters read. A run that has an id keeps it, so that a resumed run goes on where it was.
  ///
  /// - Throws: `FileError` of the reason `cannotWrite`.
  func prepare(_ run: TrackedRun) throws(FileError) {
    guard mkdir(location.path, 0o777) == 0 || errno == EEXIST else {
      throw FileError.cannotWrite(location.path, errno: errno)
    }
    let known = (try? Data(contentsOf: file("run.json"))).flatMap { try? JSON(parsing: $0) }
    let description: JSON = [
      "id": .string(known?["id"]?.string ?? Self.newID()),
      "project": run.project.map(JSON.string) ?? .null,
      "name": run.name.map(JSON.string) ?? .null,
      "folder": .string(location.deletingLastPathComponent().standardizedFileURL.lastPathComponent),
      "config": run.options,
    ]
    try writeAtomically(Data((description.serialized(.pretty) + "\n").utf8), to: file("run.json"))
    try writeAtomically(Data((AdapterScript.text + "\n").utf8), to: file(AdapterScript.fileName))
  }

  /// 21 small letters and digits: what SwanLab asks for, and what the others take.
  private static func newID() -> String {
    String((0..<21).compactMap { _ in "abcdefghijklmnopqrstuvwxyz0123456789".randomElement() })
  }
}
