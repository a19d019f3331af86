/// The environment, with numbers read and errors that name the variable. A variable that is set to nothing counts as
/// not set.
struct Variables {
  private let values: [String: String]

  init(_ values: [String: String]) { self.values = values }

  subscript(name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

  func has(_ name: String) -> Bool { self[name] != nil }

  /// The values that are there, in one text.
  func joined(_ names: String...) -> String { names.compactMap { self[$0] }.joined(separator: "-") }

  func number(
    _ name: String, atLeast least: Int = 0, atMost most: Int = .max
  ) throws(WorkerEnvironmentError) -> Int? {
    guard let text = self[name] else { return nil }
    guard let number = Int(text), (least...most).contains(number) else {
      let range = most == .max ? "at least \(least)" : "from \(least) to \(most)"
      throw .malformed(variable: name, value: text, expected: "a number \(range)")
    }
    return number
  }

  func required(_ name: String, beside other: String? = nil) throws(WorkerEnvironmentError) -> Int {
    guard let number = try number(name) else { throw .missing(variable: name, beside: other) }
    return number
  }

  /// A number from 0 and the count that it must stay below.
  func rank(
    _ rank: String, of size: String
  ) throws(WorkerEnvironmentError) -> (rank: Int, size: Int) {
    // More processes than any machine has are a mistake, and would be waited for one by one.
    guard let count = try number(size, atLeast: 1, atMost: 1_000_000) else {
      throw .missing(variable: size, beside: rank)
    }
    let number = try required(rank, beside: size)
    guard number < count else { throw .tooLarge(variable: rank, value: number, limit: size, size: count) }
    return (number, count)
  }

  /// The same for the processes of a host; nil when neither variable is there.
  func localRank(
    _ rank: String, of size: String, worldSize: Int
  ) throws(WorkerEnvironmentError) -> (rank: Int, size: Int)? {
    guard has(rank) || has(size) else { return nil }
    let found = try self.rank(rank, of: size)
    guard found.size <= worldSize else {
      throw .tooLarge(variable: size, value: found.size, limit: "the number of processes of the job", size: worldSize)
    }
    return found
  }

  func requiredLocalRank(
    _ rank: String, of size: String, worldSize: Int
  ) throws(WorkerEnvironmentError) -> (rank: Int, size: Int) {
    if let found = try localRank(rank, of: size, worldSize: worldSize) { return found }
    if worldSize == 1 { return (0, 1) }
    throw .missing(variable: rank, beside: nil)
  }
}
