import ArgumentParser

/// Whole numbers that no option can mean: sums and products of them would leave 64 bits, or the machine's memory, far from
/// the place where they were written.
enum NumberBounds {
  /// The largest whole number that an option takes, in either direction.
  static let largest = 1_000_000_000

  /// Seeds are any number of 64 bits.
  private static let anyNumber: Set<String> = ["seed", "data-seed"]
  /// What the help calls values that are texts: a folder may be named after a date and a time.
  private static let texts: Set<String> = [
    "auto|folder", "command", "file", "folder", "folder|off", "name", "name …", "path", "text", "part=key,…",
  ]

  /// Refuses absurd numbers among arguments, of `--name 5` and `--name=5` alike.
  ///
  /// - Parameter catalog: the options of the command
  /// - Throws: `ValidationError`, which names the option.
  static func check(_ arguments: [String], of catalog: OptionCatalog) throws {
    var option: String?
    for argument in arguments {
      if argument.hasPrefix("--") {
        let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        option = parts.first.map { String($0).replacing("_", with: "-") }
        if let name = option, catalog[name].map({ texts.contains($0.valueName) }) == true { option = nil }
        if parts.count == 2, let option { try check(String(parts[1]), of: option) }
      } else if let option {
        try check(argument, of: option)
      }
    }
  }

  private static func check(_ text: String, of option: String) throws {
    let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !anyNumber.contains(option) else {
      return
    }
    if let number = Int(digits), number <= largest { return }
    throw ValidationError("--\(option) \(text.prefix(40)): the largest number that an option takes is \(largest).")
  }
}
