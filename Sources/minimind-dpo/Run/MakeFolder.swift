import Foundation

/// Makes the folder that `--to` names, with those above it.
func makeFolder(_ folder: URL) throws {
  do {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  } catch {
    // Foundation does not always say what is in the way; the system does.
    let reason =
      mkdir(folder.path, 0o777) == 0 ? error.localizedDescription : String(cString: strerror(errno))
    throw Failure(.cannotWrite, "cannot make the folder \(folder.path): \(reason). Name another with --to.")
  }
}
