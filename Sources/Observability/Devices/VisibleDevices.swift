/// What `CUDA_VISIBLE_DEVICES` shows of the devices of a machine, by the rules of the CUDA programming guide ("CUDA
/// environment variables"): numbers, or the beginnings of identifiers; the first entry that names no device hides itself
/// and all behind it.
public struct VisibleDevices: Hashable, Sendable {
  /// The devices in the order in which CUDA numbers them, each by its place in the list given.
  public let indices: [Int]
  /// The first entry that names no device, where there is one.
  public let stray: String?
  /// Whether devices are named by identifiers, which mean the same device in every order.
  public let isByIdentifier: Bool

  /// - Parameters:
  ///   - environment: with `CUDA_VISIBLE_DEVICES`, or without: then all are visible
  ///   - uuids: the identifiers of the machine's devices (`GPU-8932f937-…`), in the order of the bus
  public init(_ environment: [String: String], uuids: [String]) {
    guard let text = environment["CUDA_VISIBLE_DEVICES"] else {
      (indices, stray, isByIdentifier) = (Array(uuids.indices), nil, false)
      return
    }
    var indices: [Int] = []
    var stray: String?
    var isByIdentifier = false
    for entry in text.split(separator: ",", omittingEmptySubsequences: false).map({ $0.filter { $0 != " " } }) {
      let found: Int?
      if entry.hasPrefix("GPU-") {
        isByIdentifier = true
        let matches = uuids.indices.filter { uuids[$0].lowercased().hasPrefix(entry.lowercased()) }
        found = matches.count == 1 ? matches[0] : nil
      } else {
        // A part of a device (MIG-…) is no device of the list.
        found = Int(entry).flatMap { uuids.indices.contains($0) ? $0 : nil }
      }
      guard let found else {
        stray = entry
        break
      }
      // A device named twice is a mistake that CUDA answers by showing none.
      if indices.contains(found) {
        (indices, stray) = ([], entry)
        break
      }
      indices.append(found)
    }
    (self.indices, self.stray, self.isByIdentifier) = (indices, text.isEmpty ? nil : stray, isByIdentifier)
  }
}
