/// Unicode's canonical composition, NFC (UAX #15), as the `tokenizers` library does it.
///
/// Written here because the ids depend on it: the library knows fewer marks than the system's newer Unicode does.
struct CanonicalComposition: Sendable {
  /// The tables, unpacked at first use.
  static let shared = CanonicalComposition()

  private let combiningClasses: [UInt32: UInt8]
  private let decompositions: [UInt32: (first: UInt32, second: UInt32)]
  /// By the two parts, the first in the upper half.
  private let compositions: [UInt64: UInt32]

  private init() {
    var classes: [UInt32: UInt8] = [:]
    var numbers = PackedNumbers(CompositionTable.combiningClasses)
    var scalar: UInt32 = 0
    while let distance = numbers.next(), let number = numbers.next() {
      scalar += UInt32(distance)
      classes[scalar] = UInt8(number)
    }
    combiningClasses = classes

    var decompositions: [UInt32: (first: UInt32, second: UInt32)] = [:]
    var compositions: [UInt64: UInt32] = [:]
    numbers = PackedNumbers(CompositionTable.decompositions)
    scalar = 0
    while let distance = numbers.next(), let first = numbers.next(), let second = numbers.next(),
      let composes = numbers.next()
    {
      scalar += UInt32(distance)
      decompositions[scalar] = (UInt32(first), UInt32(second))
      if composes == 1 { compositions[UInt64(first) << 32 | UInt64(second)] = scalar }
    }
    self.decompositions = decompositions
    self.compositions = compositions
  }

  /// Appends the composed form of a text to some bytes.
  ///
  /// The text consists of independent clusters: each begins with an inert scalar (or the text) and
  /// goes on with scalars that are not. A cluster of one inert scalar is copied.
  func compose(_ text: ClassifiedText, from start: Int, into bytes: inout [UInt8]) {
    let inert = CharacterClasses.inert
    var cluster: [UInt32] = []
    var position = start
    while position < text.end {
      let clusterStart = position
      cluster.removeAll(keepingCapacity: true)
      var (value, next) = text.scalar(at: position)
      while true {
        cluster.append(value)
        position = next
        guard position < text.end, text.classBit(at: position).bit & inert == 0 else { break }
        (value, next) = text.scalar(at: position)
      }
      if cluster.count == 1, text.classBit(at: clusterStart).bit & inert != 0 {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.bytes + clusterStart, count: position - clusterStart))
      } else {
        for scalar in composed(decomposed(cluster)) { append(scalar, to: &bytes) }
      }
    }
  }

  private typealias Marked = (scalar: UInt32, combiningClass: UInt8)

  /// Full canonical decomposition, marks in canonical order.
  private func decomposed(_ scalars: [UInt32]) -> [Marked] {
    var result: [Marked] = []
    for scalar in scalars { decompose(scalar, into: &result) }
    // Marks between two starters are sorted by class, equal ones staying in their order.
    var start = 0
    while start < result.count {
      guard result[start].combiningClass > 0 else {
        start += 1
        continue
      }
      let end = result[start...].firstIndex { $0.combiningClass == 0 } ?? result.count
      if end - start > 1 {
        let order = result[start..<end].enumerated().sorted {
          ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
        }
        result.replaceSubrange(start..<end, with: order.map(\.element))
      }
      start = end
    }
    return result
  }

  private func decompose(_ scalar: UInt32, into result: inout [Marked]) {
    if let parts = decompositions[scalar] {
      decompose(parts.first, into: &result)
      if parts.second != 0 { decompose(parts.second, into: &result) }
    } else if let syllable = Hangul.parts(of: scalar) {
      for part in syllable { result.append((part, 0)) }
    } else {
      result.append((scalar, combiningClasses[scalar] ?? 0))
    }
  }

  /// Composes each starter with the marks after it that nothing of the same or a higher class keeps apart from it.
  private func composed(_ scalars: [Marked]) -> [UInt32] {
    var result: [UInt32] = []
    var starter: Int?
    var lastClass: UInt8 = 0
    for (scalar, combiningClass) in scalars {
      if let place = starter {
        let isAdjacent = result.count == place + 1
        if isAdjacent || (combiningClass > lastClass && lastClass > 0),
          let joined = composition(of: result[place], scalar)
        {
          result[place] = joined
          continue
        }
      }
      result.append(scalar)
      lastClass = combiningClass
      if combiningClass == 0 { starter = result.count - 1 }
    }
    return result
  }

  private func composition(of first: UInt32, _ second: UInt32) -> UInt32? {
    Hangul.composition(of: first, second) ?? compositions[UInt64(first) << 32 | UInt64(second)]
  }

  private func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
    guard let scalar = Unicode.Scalar(scalar) else { return }
    bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
  }
}

/// Hangul syllables compose by rule (Unicode, section 3.12).
private enum Hangul {
  private static let syllables: UInt32 = 0xAC00
  private static let leading: UInt32 = 0x1100
  private static let vowels: UInt32 = 0x1161
  private static let trailing: UInt32 = 0x11A7
  private static let (leadingCount, vowelCount, trailingCount): (UInt32, UInt32, UInt32) = (19, 21, 28)

  static func parts(of scalar: UInt32) -> [UInt32]? {
    guard scalar >= syllables, scalar < syllables + leadingCount * vowelCount * trailingCount else { return nil }
    let index = scalar - syllables
    let pair = [leading + index / (vowelCount * trailingCount), vowels + index / trailingCount % vowelCount]
    return index % trailingCount == 0 ? pair : pair + [trailing + index % trailingCount]
  }

  static func composition(of first: UInt32, _ second: UInt32) -> UInt32? {
    if first >= leading, first < leading + leadingCount, second >= vowels, second < vowels + vowelCount {
      return syllables + ((first - leading) * vowelCount + second - vowels) * trailingCount
    }
    if first >= syllables, first < syllables + leadingCount * vowelCount * trailingCount,
      (first - syllables) % trailingCount == 0, second > trailing, second < trailing + trailingCount
    {
      return first + second - trailing
    }
    return nil
  }
}
