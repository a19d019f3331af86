import Files
import Foundation

extension RunFolder {
  /// Makes sure that there is a folder to write to: one that was removed or renamed under the run is replaced.
  ///
  /// - Parameter rescue: where the run goes on in that case; nil: the folder is made again
  /// - Returns: nil where the folder is as it was; else what was found and done, in words
  /// - Throws: `TrainingError.cannotWrite` where no folder can be made.
  public func putBackIfGone(rescue: URL? = nil) throws(TrainingError) -> String? {
    let (location, before) = place.withLock { ($0.location, $0.identity) }
    guard let before, FileIdentity(of: location) != before else { return nil }
    let found =
      FileIdentity(of: location) == nil
      ? "was removed or renamed while the run goes on"
      : "is another folder than before"
    var reasons: [String] = []
    for candidate in candidates(location, rescue) {
      do {
        let made = try Self.made(candidate)
        let old = place.withLock { place in
          defer { place = made }
          return place.lock
        }
        old?.release()
        let same = candidate == location
        return "\(location.path) \(found); \(same ? "it was made again" : "the run goes on in \(candidate.path)")"
      } catch {
        reasons.append("\(error)")
      }
    }
    throw .cannotWrite(
      location.path, reason: "it \(found), and no other place can be written: " + reasons.joined(separator: "; "))
  }

  /// A folder that somebody else has put in the place of the run's own is not written to.
  private func candidates(_ location: URL, _ rescue: URL?) -> [URL] {
    let aside = location.deletingLastPathComponent().appendingPathComponent("\(location.lastPathComponent)-\(getpid())")
    let isFree = ((try? FileManager.default.contentsOfDirectory(atPath: location.path)) ?? []).isEmpty
    return [rescue, isFree ? location : nil, aside].compactMap(\.self)
  }
}
