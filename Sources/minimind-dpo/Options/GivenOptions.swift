/// The options of a command line before it is parsed: what was given at all, and with which value.
struct GivenOptions {
  private(set) var arguments: [String]

  init(_ arguments: [String]) { self.arguments = arguments }

  /// Whether one of these options or flags was given.
  func has(_ names: String...) -> Bool {
    arguments.contains { argument in names.contains { argument == $0 || argument.hasPrefix($0 + "=") } }
  }

  /// The value of an option; where it was given more than once the last one, as with the parser itself.
  func value(_ names: String...) -> String? {
    for (index, argument) in arguments.enumerated().reversed() {
      for name in names {
        if argument == name { return index + 1 < arguments.count ? arguments[index + 1] : nil }
        if argument.hasPrefix(name + "=") { return String(argument.dropFirst(name.count + 1)) }
      }
    }
    return nil
  }

  /// Takes an option out, everywhere it was given.
  mutating func remove(_ name: String) {
    var rest: [String] = []
    var isValue = false
    for argument in arguments {
      if isValue {
        isValue = false
      } else if argument == name {
        isValue = true
      } else if !argument.hasPrefix(name + "=") {
        rest.append(argument)
      }
    }
    arguments = rest
  }
}
