import Foundation

/// A file of the cache is not what was written.
struct TokenCacheDamage: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// How tokens lie in a file, little-endian: a header, a record of seventeen 64-bit fields for each pair, the token ids
/// (chosen side, then the rejected side after the shared prefix) and the runs of targets (first, end) as 32-bit
/// integers, and statistics and bad lines as JSON.
///
/// The header: 8 bytes of magic, the format's version, 32 bytes of digest over all that follows it, the key (32 bytes), and
/// the counts of pairs, ids, runs and bytes of JSON.
enum TokenCacheFile {
  static let formatVersion: UInt64 = 2
  private static let magic = Array("MMDPOTOK".utf8)
  private static let digestOffset = 16
  private static let keyOffset = digestOffset + TokenCacheDigest.byteCount
  private static let countsOffset = keyOffset + TokenCacheDigest.byteCount
  private static let headerSize = countsOffset + 4 * 8
  private static let fieldsOfRecord = 17

  /// What goes with the pairs.
  private struct Remarks: Codable {
    var statistics: PairStatistics
    var lint: LintReport
    var badLines: [BadLine]
  }

  // MARK: Writing

  static func bytes(of file: TokenizedFile, key: TokenCacheKey) throws -> Data {
    var records: [Int64] = []
    var ids: [Int32] = []
    var runs: [Int32] = []
    let reasons = DropReason.allCases
    for pair in file.tokenized.pairs {
      let (chosenRuns, rejectedRuns) = (Self.runs(of: pair.chosenTargets), Self.runs(of: pair.rejectedTargets))
      let reason = pair.dropReason.flatMap(reasons.firstIndex).map { $0 + 1 } ?? 0
      records += [
        pair.index, pair.line, pair.chosenIDs.count, pair.rejectedIDs.count, pair.sharedPrefix, reason,
        pair.promptLength, pair.chosenLength, pair.rejectedLength, chosenRuns.count / 2, rejectedRuns.count / 2,
        pair.turns, place(of: pair.promptLanguage), place(of: pair.answerLanguage), pair.scoreMargin == nil ? 0 : 1,
      ].map(Int64.init)
      records += [(pair.scoreMargin ?? 0).bitPattern, pair.promptKey].map(Int64.init(bitPattern:))
      ids += pair.chosenIDs
      ids += pair.rejectedIDs[pair.sharedPrefix...]
      runs += chosenRuns + rejectedRuns
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys  // The same pairs give the same bytes in every process.
    let remarks = try encoder.encode(Remarks(statistics: file.statistics, lint: file.lint, badLines: file.badLines))

    var covered = Data(key.digest.bytes)
    let counts = [file.tokenized.pairs.count, ids.count, runs.count / 2, remarks.count].map(Int64.init)
    for words in [counts, records] { words.withUnsafeBytes { covered.append(contentsOf: $0) } }
    for words in [ids, runs] { words.withUnsafeBytes { covered.append(contentsOf: $0) } }
    covered.append(remarks)

    var bytes = Data(magic)
    withUnsafeBytes(of: formatVersion) { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: TokenCacheDigest(of: covered).bytes)
    return bytes + covered
  }

  private static func place(of language: Language) -> Int { Language.allCases.firstIndex(of: language) ?? 0 }

  /// The ranges of targets as (first, end), one after the other.
  private static func runs(of targets: [Bool]) -> [Int32] {
    var runs: [Int32] = []
    var isInside = false
    for (place, isTarget) in targets.enumerated() where isTarget != isInside {
      runs.append(Int32(place))
      isInside = isTarget
    }
    if isInside { runs.append(Int32(targets.count)) }
    return runs
  }

  // MARK: Reading

  /// - Throws: `TokenCacheDamage` when a single bit is not as it was written, or the file is another key's.
  static func decode(_ data: Data, key: TokenCacheKey, options: PairOptions) throws -> TokenizedFile {
    guard data.count >= headerSize else { throw TokenCacheDamage("it is cut off") }
    return try data.withUnsafeBytes { bytes in
      guard bytes[..<magic.count].elementsEqual(magic),
        bytes.loadUnaligned(fromByteOffset: magic.count, as: UInt64.self) == formatVersion
      else { throw TokenCacheDamage("it is no file of tokens of this version") }
      let covered = UnsafeRawBufferPointer(rebasing: bytes[keyOffset...])
      guard TokenCacheDigest(of: covered).bytes.elementsEqual(bytes[digestOffset..<keyOffset]) else {
        throw TokenCacheDamage("its checksum is wrong")
      }
      guard bytes[keyOffset..<countsOffset].elementsEqual(key.digest.bytes) else {
        throw TokenCacheDamage("it belongs under another name")
      }
      let counts = (0..<4).map { bytes.loadUnaligned(fromByteOffset: countsOffset + 8 * $0, as: Int64.self) }
      let sections = try Sections(bytes: bytes, counts: counts)
      let remarks = try JSONDecoder().decode(Remarks.self, from: Data(bytes[sections.remarks]))
      let places = try sections.places()
      // The mapped bytes are read only, and outlive the call.
      nonisolated(unsafe) let bytes = bytes
      let pairs = parallelMap(count: places.count) { places[$0].pair(in: bytes) }
      return TokenizedFile(
        tokenized: TokenizedPairs(pairs: pairs, options: options), statistics: remarks.statistics, lint: remarks.lint,
        badLines: remarks.badLines)
    }
  }

  /// Where the parts of a file begin, in bytes.
  private struct Sections {
    let bytes: UnsafeRawBufferPointer
    let pairCount: Int
    let ids: Range<Int>
    let runs: Range<Int>
    let remarks: Range<Int>

    init(bytes: UnsafeRawBufferPointer, counts: [Int64]) throws {
      // No count can exceed the bytes that are there, so that the products below cannot overflow.
      guard counts.allSatisfy({ (0...Int64(bytes.count)).contains($0) }) else {
        throw TokenCacheDamage("its counts are absurd")
      }
      self.bytes = bytes
      pairCount = Int(counts[0])
      let idStart = headerSize + pairCount * fieldsOfRecord * 8
      ids = idStart..<idStart + Int(counts[1]) * 4
      runs = ids.upperBound..<ids.upperBound + Int(counts[2]) * 8
      remarks = runs.upperBound..<runs.upperBound + Int(counts[3])
      guard remarks.upperBound == bytes.count else { throw TokenCacheDamage("its length does not fit its counts") }
    }

    /// Where each pair's tokens lie, checked against the sections.
    func places() throws -> [Place] {
      var places: [Place] = []
      places.reserveCapacity(pairCount)
      var (id, run) = (ids.lowerBound, runs.lowerBound)
      for number in 0..<pairCount {
        let start = headerSize + number * fieldsOfRecord * 8
        let fields = (0..<fieldsOfRecord).map {
          Int(bytes.loadUnaligned(fromByteOffset: start + 8 * $0, as: Int64.self))
        }
        let place = Place(fields: fields, ids: id, runs: run)
        guard place.isSound(within: bytes.count) else { throw TokenCacheDamage("pair \(number) is not sound") }
        id += 4 * (place.chosenCount + place.rejectedCount - place.sharedPrefix)
        run += 8 * (place.chosenRuns + place.rejectedRuns)
        guard id <= ids.upperBound, run <= runs.upperBound, place.hasSoundRuns(in: bytes) else {
          throw TokenCacheDamage("pair \(number) is not sound")
        }
        places.append(place)
      }
      guard id == ids.upperBound, run == runs.upperBound else { throw TokenCacheDamage("its parts do not add up") }
      return places
    }
  }

  /// A pair's record, and where its ids and runs begin.
  private struct Place {
    /// The last two are bits of other types, the others counts.
    let fields: [Int]
    let ids: Int
    let runs: Int

    var chosenCount: Int { fields[2] }
    var rejectedCount: Int { fields[3] }
    var sharedPrefix: Int { fields[4] }
    var chosenRuns: Int { fields[9] }
    var rejectedRuns: Int { fields[10] }

    func isSound(within size: Int) -> Bool {
      fields.dropLast(2).allSatisfy { $0 >= 0 } && [2, 3, 9, 10].allSatisfy { fields[$0] <= size }
        && sharedPrefix <= min(chosenCount, rejectedCount) && fields[5] <= DropReason.allCases.count
        && fields[12] < Language.allCases.count && fields[13] < Language.allCases.count && fields[14] <= 1
    }

    func hasSoundRuns(in bytes: UnsafeRawBufferPointer) -> Bool {
      func areSound(_ start: Int, _ count: Int, length: Int) -> Bool {
        var previous = 0
        for number in 0..<2 * count {
          let place = Int(bytes.loadUnaligned(fromByteOffset: start + 4 * number, as: Int32.self))
          guard (previous...length).contains(place) else { return false }
          previous = place
        }
        return true
      }
      return areSound(runs, chosenRuns, length: chosenCount)
        && areSound(runs + 8 * chosenRuns, rejectedRuns, length: rejectedCount)
    }

    func pair(in bytes: UnsafeRawBufferPointer) -> TokenizedPair {
      func words(_ start: Int, _ count: Int) -> [Int32] {
        [Int32](unsafeUninitializedCapacity: count) { buffer, initialized in
          UnsafeMutableRawBufferPointer(buffer).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + 4 * count]))
          initialized = count
        }
      }
      func targets(_ start: Int, _ count: Int, length: Int) -> [Bool] {
        var targets = [Bool](repeating: false, count: length)
        let bounds = words(start, 2 * count)
        for number in 0..<count {
          for place in bounds[2 * number]..<bounds[2 * number + 1] { targets[Int(place)] = true }
        }
        return targets
      }
      let chosen = words(ids, chosenCount)
      let tail = words(ids + 4 * chosenCount, rejectedCount - sharedPrefix)
      return TokenizedPair(
        index: fields[0], line: fields[1], chosenIDs: chosen, rejectedIDs: chosen[..<sharedPrefix] + tail,
        chosenTargets: targets(runs, chosenRuns, length: chosenCount),
        rejectedTargets: targets(runs + 8 * chosenRuns, rejectedRuns, length: rejectedCount),
        sharedPrefix: sharedPrefix, dropReason: fields[5] == 0 ? nil : DropReason.allCases[fields[5] - 1],
        promptLength: fields[6], chosenLength: fields[7], rejectedLength: fields[8], turns: fields[11],
        promptLanguage: Language.allCases[fields[12]], answerLanguage: Language.allCases[fields[13]],
        scoreMargin: fields[14] == 0 ? nil : Double(bitPattern: UInt64(bitPattern: Int64(fields[15]))),
        promptKey: UInt64(bitPattern: Int64(fields[16])))
    }
  }
}
