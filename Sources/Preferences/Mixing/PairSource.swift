/// A preference file to learn from, and how much of it: `file`, `file=weight` or `file#count`.
public struct PairSource: Hashable, Sendable, CustomStringConvertible {
  /// How much of a file an epoch takes.
  public enum Amount: Hashable, Sendable {
    /// Every pair once.
    case all
    /// So many pairs: drawn from the file where it has more, all of them over and over where it has fewer.
    case count(Int)
    /// A share of the pairs of an epoch, in proportion to the weights of the other files.
    case weight(Double)
  }

  /// What is wrong with how a file was named.
  public struct Mistake: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, and what was expected.
    public let description: String
  }

  /// The path of the file.
  public let path: String
  /// How much of it an epoch takes.
  public let amount: Amount

  /// A file made of its parts.
  public init(path: String, amount: Amount = .all) {
    self.path = path
    self.amount = amount
  }

  /// Reads `file`, `file=weight` or `file#count`. What follows the last `=` or `#` counts only where it is a number; a file
  /// that is called so itself is taken as it is.
  /// - Parameters:
  ///   - text: what the user wrote.
  ///   - exists: whether there is a file of that name.
  /// - Throws: `Mistake` for a weight that is not above 0, and a count below 1.
  public init(_ text: String, exists: (String) -> Bool) throws(Mistake) {
    guard !exists(text), let mark = text.lastIndex(where: { $0 == "=" || $0 == "#" }), mark != text.startIndex else {
      self.init(path: text)
      return
    }
    let (path, number) = (String(text[..<mark]), text[text.index(after: mark)...])
    if text[mark] == "=", let weight = Double(number) {
      guard weight > 0, weight.isFinite else {
        throw Mistake(description: "the weight of \(path) is \(number); expected a number above 0")
      }
      self.init(path: path, amount: .weight(weight))
    } else if text[mark] == "#", let count = Int(number) {
      guard count >= 1 else {
        throw Mistake(description: "the number of pairs of \(path) is \(number); expected 1 or more")
      }
      self.init(path: path, amount: .count(count))
    } else if exists(path) {
      throw Mistake(
        description: "\"\(number)\" after \(path) is no number; expected FILE=WEIGHT or FILE#COUNT, as in "
          + "\(path)=0.3 or \(path)#1000")
    } else {
      self.init(path: text)
    }
  }

  /// The file as the user would write it.
  public var description: String {
    switch amount {
    case .all: path
    case .count(let count): "\(path)#\(count)"
    case .weight(let weight): "\(path)=\(weight)"
    }
  }
}
