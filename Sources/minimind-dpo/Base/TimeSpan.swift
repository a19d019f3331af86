import ArgumentParser

/// A length of time as people and Slurm write it: `5400` (seconds), `90m`, `2h30m`, `1d12h`, `02:30:00`, `1-12:00:00`.
struct TimeSpan: ExpressibleByArgument, CustomStringConvertible {
  /// In seconds.
  let seconds: Double
  /// As it was written.
  let description: String

  init?(argument: String) {
    let found = argument.contains(":") ? Self.clock(argument) : Self.units(argument)
    guard let seconds = found, seconds > 0, seconds <= Self.longest else { return nil }
    (self.seconds, description) = (seconds, argument)
  }

  private static let longest = 366.0 * 86_400

  /// `[days-]hours:minutes:seconds`
  private static func clock(_ text: String) -> Double? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count <= 2, let clock = parts.last else { return nil }
    let numbers = clock.split(separator: ":", omittingEmptySubsequences: false).map { digits($0) }
    guard numbers.count == 3, let hours = numbers[0], let minutes = numbers[1], let seconds = numbers[2], minutes < 60,
      seconds < 60, let days = parts.count == 2 ? digits(parts[0]) : 0
    else { return nil }
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
  }

  /// Numbers with units, the largest first; a number without one is in seconds.
  private static func units(_ text: String) -> Double? {
    var units: [(letter: Character, seconds: Double)] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)]
    if let seconds = digits(text[...]) { return seconds }
    var rest = text[...]
    var total = 0.0
    while !rest.isEmpty {
      guard let end = rest.firstIndex(where: \.isLetter), let number = digits(rest[..<end]),
        let place = units.firstIndex(where: { $0.letter == rest[end] })
      else { return nil }
      total += number * units[place].seconds
      units.removeFirst(place + 1)
      rest = rest[rest.index(after: end)...]
    }
    return total
  }

  private static func digits(_ text: Substring) -> Double? {
    guard !text.isEmpty, text.utf8.count <= 12, text.utf8.allSatisfy({ (48...57).contains($0) || $0 == 46 }) else {
      return nil
    }
    return Double(text)
  }
}
