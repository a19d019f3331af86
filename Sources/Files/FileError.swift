import Foundation

/// Why a file or folder could not be read or written: which one, what was found there, what was expected and what to do
/// about it.
public struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What went wrong, as far as the program distinguishes cases.
  public enum Reason: Hashable, Sendable {
    /// A required file or folder does not exist.
    case missing
    /// It is there, but the system does not let this program read it (permissions, a device error).
    case unreadable
    /// Its contents contradict themselves, the format or a checksum: truncated, overwritten, hostile.
    case damaged
    /// It is well formed, but of a kind that is refused: another format, another dtype, a global that is code.
    case unsupported
    /// It is well formed, but holds nothing of the name that was asked for.
    case lacksEntry
    /// Writing failed; nothing incomplete was left under the name.
    case cannotWrite(WriteFailure)
  }

  /// Why a file or folder could not be written.
  public enum WriteFailure: Hashable, Sendable {
    /// The disk or the quota is full.
    case noSpace
    /// The folder or the file system does not permit writing.
    case readOnly
    /// Its parent folder does not exist, or is not a folder.
    case missingParent
    /// The name exists already and was not to be replaced.
    case alreadyExists
    /// The contents cannot be expressed in the format.
    case invalidContents
    /// Any other failure, with the system's error number.
    case system(Int32)
  }

  /// What went wrong, as far as the program distinguishes cases.
  public let reason: Reason
  /// The path of the file or folder concerned.
  public let file: String
  /// What was found and what was expected instead.
  public let problem: String
  /// What to do about it; empty where there is no useful advice.
  public let remedy: String

  /// An error; `problem` says what was found and what was expected, `remedy` what to do.
  public init(_ reason: Reason, file: String, _ problem: String, remedy: String = "") {
    self.reason = reason
    self.file = file
    self.problem = problem
    self.remedy = remedy
  }

  /// One line: file, problem, remedy.
  public var description: String {
    "\(file): \(problem)" + (remedy.isEmpty ? "" : "; \(remedy)")
  }
}

extension FileError {
  /// Whether an input is missing or may not be read (exit code 66).
  public var isMissingInput: Bool { reason == .missing || reason == .unreadable }

  /// Whether output could not be written (exit code 73).
  public var isWriteFailure: Bool {
    if case .cannotWrite = reason { true } else { false }
  }

  /// The error for a file whose contents contradict themselves, its format or a checksum.
  package static func damaged(
    _ file: String, _ problem: String, remedy: String = "fetch or write the file again"
  ) -> FileError {
    FileError(.damaged, file: file, problem, remedy: remedy)
  }

  /// The error for a system call that failed while something was being read.
  package static func cannotRead(_ file: String, errno code: Int32) -> FileError {
    switch code {
    case ENOENT, ENOTDIR:
      FileError(.missing, file: file, "there is no such file", remedy: "check the path")
    case EACCES, EPERM:
      FileError(.unreadable, file: file, "reading is not permitted", remedy: "check the file's permissions")
    default:
      FileError(.unreadable, file: file, "cannot be read: \(systemMessage(code))")
    }
  }

  /// The error for a system call that failed while something was being written.
  package static func cannotWrite(_ file: String, errno code: Int32) -> FileError {
    let parent = URL(fileURLWithPath: file).deletingLastPathComponent().path
    return switch code {
    case ENOSPC, EDQUOT:
      FileError(
        .cannotWrite(.noSpace), file: file, "no space is left on the disk, or the quota is used up",
        remedy: "free some space or write elsewhere; no incomplete file was left under this name")
    case EFBIG:
      FileError(
        .cannotWrite(.noSpace), file: file, "the file would be larger than the limit of this process allows",
        remedy: "raise the limit (ulimit -f) or write less; no incomplete file was left under this name")
    case EROFS, EACCES, EPERM:
      FileError(
        .cannotWrite(.readOnly), file: file, "writing is not permitted (\(systemMessage(code)))",
        remedy: "check the permissions of \(parent) or write elsewhere")
    case ENOENT:
      FileError(
        .cannotWrite(.missingParent), file: file, "there is no folder \(parent) to write to",
        remedy: "create it first")
    case ENOTDIR:
      FileError(
        .cannotWrite(.missingParent), file: file, "something in this path is not a folder (\(systemMessage(code)))",
        remedy: "choose another path")
    case EEXIST, ENOTEMPTY, EISDIR:
      FileError(
        .cannotWrite(.alreadyExists), file: file, "there is already a file or folder of this name",
        remedy: "remove it or choose another name")
    default:
      FileError(.cannotWrite(.system(code)), file: file, "cannot be written: \(systemMessage(code))")
    }
  }

  private static func systemMessage(_ code: Int32) -> String { String(cString: strerror(code)) }
}
