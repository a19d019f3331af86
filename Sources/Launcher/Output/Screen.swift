/// What reads the launcher's output: a terminal, a pipe or a file, at stdout, stderr or both. It keeps the lines of
/// several workers whole.
///
/// A line that a worker has begun and not ended is shown after a moment (at once if it is that of a progress line).
/// While it stands there, lines of others go above it on a terminal, and elsewhere below it, after a line feed.
final class Screen {
  /// A source of text: a worker's stream, or the launcher itself.
  typealias Source = Int

  let outlet: Outlet
  /// A begun line, and whose it is.
  private var open: (source: Source, line: [UInt8])?
  private var held: [Source: (bytes: [UInt8], since: ContinuousClock.Instant)] = [:]
  private var ended: Set<Source> = []
  /// Sources whose begun lines are shown at once.
  var immediate: Set<Source> = []

  static let patience = Duration.milliseconds(100)
  private static let longest = 64 << 10
  /// Back to the first column, delete to the end of the line: how progress lines are rewritten.
  private static let erase: [UInt8] = Array("\r\u{1B}[2K".utf8)

  init(_ outlet: Outlet) { self.outlet = outlet }

  /// Shows what a source wrote.
  func show(_ bytes: ArraySlice<UInt8>, from source: Source, now: ContinuousClock.Instant = .now) {
    var rest = bytes
    if let end = bytes.lastIndex(of: 0x0A) {
      lines(bytes[...end], from: source)
      rest = bytes[(end + 1)...]
    }
    guard !rest.isEmpty else { return }
    if open?.source == source {
      extend(rest)
    } else {
      held[source, default: ([], now)].bytes += rest
      let isLong = (held[source]?.bytes.count ?? 0) > Self.longest
      if open == nil, isLong || immediate.contains(source) { begin(source) }
      if isLong, held[source] != nil { lines([0x0A], from: source) }
    }
  }

  /// Shows begun lines that have waited long enough, where none stands there yet.
  func showHeld(now: ContinuousClock.Instant = .now) {
    guard open == nil else { return }
    if let source = held.filter({ now - $0.value.since >= Self.patience }).keys.min() { begin(source) }
  }

  /// Whether ``showHeld(now:)`` will have something to do.
  var holdsSome: Bool { open == nil && !held.isEmpty }

  /// The source writes no more.
  func end(_ source: Source) {
    if held[source] != nil {
      if open == nil { begin(source) } else { lines([0x0A], from: source) }
    }
    ended.insert(source)
  }

  /// Whole lines, after what the source had begun.
  private func lines(_ bytes: ArraySlice<UInt8>, from source: Source) {
    let text = (held.removeValue(forKey: source)?.bytes ?? []) + bytes
    guard let open, open.source != source else {
      outlet.write(text)
      self.open = nil
      return
    }
    if outlet.isTerminal, !ended.contains(open.source) {
      outlet.write(Self.erase + text + open.line)
    } else {
      outlet.write([0x0A] + text)
      self.open = nil
    }
  }

  private func begin(_ source: Source) {
    guard let bytes = held.removeValue(forKey: source)?.bytes else { return }
    outlet.write(bytes)
    open = (source, Self.visible(bytes))
  }

  private func extend(_ bytes: ArraySlice<UInt8>) {
    outlet.write(bytes)
    guard let line = open?.line else { return }
    let visible = Self.visible(line + bytes)
    // Nothing stands there after a progress line was taken away.
    if visible.isEmpty { open = nil } else { open?.line = visible }
  }

  /// What a begun line looks like: what comes after the last deletion, up to a limit.
  private static func visible(_ line: [UInt8]) -> [UInt8] {
    var start = 0
    if line.count >= erase.count {
      for index in stride(from: line.count - erase.count, through: 0, by: -1)
      where line[index] == 0x0D && line[index..<index + erase.count].elementsEqual(erase) {
        start = index + erase.count
        break
      }
    }
    return Array(line[start...].suffix(4096))
  }
}
