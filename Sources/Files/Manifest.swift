import Foundation
import OrderedJSON

/// The contents of a checkpoint folder: the size and the SHA-256 of each file, stored in its `manifest.json`.
///
/// A folder with a manifest was written completely; `damages(in:)` tells whether it is still what was written.
public struct Manifest: Hashable, Sendable {
  /// What is known of one file.
  public struct File: Hashable, Sendable {
    /// Its size in bytes.
    public let size: Int
    /// Its SHA-256, in hexadecimal digits.
    public let sha256: String
  }

  /// How a file differs from the manifest.
  public struct Damage: Hashable, Sendable, CustomStringConvertible {
    /// What is wrong with it.
    public enum Kind: Hashable, Sendable {
      /// It does not exist, or is not a regular file.
      case missing
      /// It has another size than `expected`, both in bytes.
      case size(found: Int, expected: Int)
      /// Its size is right, but its contents are not what was written.
      case contents
      /// It cannot be read; the text says why.
      case unreadable(String)
    }

    /// The file's path inside the folder.
    public let file: String
    /// What is wrong with it.
    public let kind: Kind

    /// Names the file and what is wrong with it.
    public var description: String {
      switch kind {
      case .missing: "\(file) is missing"
      case .size(let found, let expected): "\(file) has \(found) bytes instead of \(expected)"
      case .contents: "\(file) has different contents than were written"
      case .unreadable(let reason): "\(file) cannot be read: \(reason)"
      }
    }
  }

  /// The name of the file that a manifest is kept in.
  public static let fileName = "manifest.json"
  private static let version = 1

  /// The files by their paths inside the folder, in alphabetical order.
  public let files: TextDictionary<File>

  /// Reads the manifest of a folder.
  /// - Throws: `FileError`: missing (the folder is not a finished checkpoint) or damaged.
  public init(readingFrom folder: URL) throws {
    let url = folder.appendingPathComponent(Self.fileName)
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw FileError(
        .missing, file: folder.path, "is not a finished checkpoint: it has no \(Self.fileName)",
        remedy: "name a checkpoint folder that was written completely")
    }
    let file = try MappedFile(url)
    let json: JSON
    do {
      json = try JSON(parsing: UnsafeRawBufferPointer(file.bytes))
    } catch {
      throw FileError.damaged(url.path, "is not valid JSON: \(error)", remedy: "use another checkpoint")
    }
    guard json["version"]?.int == Self.version, let members = json["files"]?.object else {
      throw FileError.damaged(
        url.path, "is not a manifest of version \(Self.version)", remedy: "use another checkpoint")
    }
    var files: TextDictionary<File> = [:]
    for (name, value) in members {
      guard let size = value["size"]?.int, let sum = value["sha256"]?.string, !name.hasTextPrefix("/"),
        !name.utf8.split(separator: UInt8(ascii: "/")).contains(where: { $0.elementsEqual("..".utf8) })
      else {
        throw FileError.damaged(
          url.path, "has no valid entry for \"\(name)\"", remedy: "use another checkpoint")
      }
      files[name] = File(size: size, sha256: sum)
    }
    self.files = files
  }

  /// The manifest of files as they are now.
  init(describing names: [String], in folder: URL) throws {
    var files: TextDictionary<File> = [:]
    for name in names.sorted() {
      let file = try MappedFile(folder.appendingPathComponent(name))
      files[name] = File(size: file.bytes.count, sha256: Self.sha256(of: file))
    }
    self.files = files
  }

  /// The text of `manifest.json`.
  var text: String {
    let members = files.mapValues { JSON.object(["size": .integer($0.size), "sha256": .string($0.sha256)]) }
    return JSON.object(["version": .integer(Self.version), "files": .object(members)]).serialized(.pretty) + "\n"
  }

  /// Compares a folder with this manifest. Files that the manifest does not name are ignored.
  /// - Returns: the files that differ from what was written; empty for an intact folder
  public func damages(in folder: URL) -> [Damage] {
    files.compactMap { name, expected in
      do {
        let file = try MappedFile(folder.appendingPathComponent(name))
        if file.bytes.count != expected.size {
          return Damage(file: name, kind: .size(found: file.bytes.count, expected: expected.size))
        }
        if Self.sha256(of: file) != expected.sha256 { return Damage(file: name, kind: .contents) }
        return nil
      } catch let error as FileError where error.reason == .missing {
        return Damage(file: name, kind: .missing)
      } catch {
        return Damage(file: name, kind: .unreadable("\(error)"))
      }
    }
  }

  private static func sha256(of file: MappedFile) -> String {
    SHA256.digest(of: UnsafeRawBufferPointer(file.bytes)).description
  }
}
