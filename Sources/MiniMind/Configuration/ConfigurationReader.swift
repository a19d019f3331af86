import OrderedJSON

/// Reads typed values of a `config.json`; an error names the file, the key and what was found.
struct ConfigurationReader {
  let json: JSON
  let file: String

  /// The meaning of null.
  enum Null {
    /// The same as an absent key.
    case isAbsent
    /// An error.
    case isRefused
    /// A value of its own.
    case means(Int)
  }

  func error(_ reason: String) -> ModelConfigurationError { ModelConfigurationError(file: file, reason: reason) }

  func string(_ key: String) throws -> String {
    guard let text = json[key]?.string else { throw error("\"\(key)\" is missing; expected a string") }
    return text
  }

  /// A positive whole number.
  ///
  /// - Parameter most: the largest that a model of today could have, with room; a larger one is a damaged or hostile file
  func positive(_ key: String, default standard: Int, null: Null, atMost most: Int = 1 << 24) throws -> Int {
    guard let value = json[key] else { return standard }
    if value == .null {
      switch null {
      case .isAbsent: return standard
      case .means(let meaning): return meaning
      case .isRefused: break
      }
    }
    guard let number = value.int, number > 0, number <= most else {
      throw error("\"\(key)\" is \(value.serialized()); expected a positive whole number, at most \(most)")
    }
    return number
  }

  /// A positive number.
  func positiveNumber(_ key: String, default standard: Double, null: Null) throws -> Double {
    guard let value = json[key] else { return standard }
    if case .isAbsent = null, value == .null { return standard }
    guard let number = value.double, number > 0 else {
      throw error("\"\(key)\" is \(value.serialized()); expected a positive number")
    }
    return number
  }

  /// A number of at least 0.
  func notNegative(_ key: String, default standard: Double) throws -> Double {
    guard let value = json[key] else { return standard }
    guard let number = value.double, number >= 0, number.isFinite else {
      throw error("\"\(key)\" is \(value.serialized()); expected a number of at least 0")
    }
    return number
  }

  /// A list of whole numbers of at least 0; empty where it is absent or null.
  func wholeNumbers(_ key: String) throws -> [Int] {
    guard let value = json[key], value != .null else { return [] }
    let numbers = value.array?.map(\.int) ?? [nil]
    guard numbers.allSatisfy({ ($0 ?? -1) >= 0 }) else {
      throw error("\"\(key)\" is \(value.serialized()); expected a list of layers, counted from 0")
    }
    return numbers.compactMap(\.self)
  }

  /// One token id or a list of them; null for none.
  func tokenIDs(_ key: String, default standard: [Int]) throws -> [Int] {
    guard let value = json[key] else { return standard }
    if value == .null { return [] }
    let ids = (value.array ?? [value]).map(\.int)
    guard ids.allSatisfy({ ($0 ?? -1) >= 0 && ($0 ?? -1) <= Int(Int32.max) }) else {
      throw error("\"\(key)\" is \(value.serialized()); expected a token id or a list of token ids")
    }
    return ids.compactMap(\.self)
  }
}
