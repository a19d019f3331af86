/// A command line of `launch`, split as argparse splits it: options up to the first positional argument, which is
/// the worker's program; everything after it belongs to the worker, unchanged.
struct LaunchArguments {
  /// Values of options by their name; the last one wins.
  private(set) var values: [String: String] = [:]
  private(set) var flags: Set<String> = []
  /// Whether `--help` or `-h` was there.
  private(set) var asksForHelp = false
  /// The worker's program and its arguments.
  private(set) var worker: [String] = []

  init(_ arguments: [String]) throws(LaunchError) {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" {
        worker = Array(rest)
        return
      }
      guard argument.hasPrefix("-"), argument != "-" else {
        worker = [argument] + rest
        return
      }
      if ["--help", "-h"].contains(argument) {
        asksForHelp = true
        return
      }
      let (option, attached) = try Self.option(argument)
      let spelled =
        option.letter.map { argument.hasPrefix("-\($0)") } == true ? "-\(option.letter!)" : "--\(option.name)"
      if case .refused(_, let reason) = option.kind { throw .usage("\(spelled) \(reason)") }
      guard option.takesValue else {
        if attached != nil { throw .usage("\(spelled) takes no value.") }
        flags.insert(option.name)
        continue
      }
      guard let value = attached ?? rest.popFirst() else { throw .usage("\(spelled) needs a value.") }
      if attached == nil, value.hasPrefix("-"), Double(value) == nil {
        throw .usage(
          "\(spelled) needs a value; \(value) is another option. Write \(spelled)=\(value) if it is the value.")
      }
      values[option.name] = value
    }
  }

  /// `--nproc-per-node`, `--nproc_per_node=4`, `--nproc` where nothing else begins like that, `-r3`, `-r=3`.
  private static func option(_ argument: String) throws(LaunchError) -> (LaunchOption, attached: String?) {
    if !argument.hasPrefix("--") {
      let letter = argument[argument.index(after: argument.startIndex)]
      guard let option = LaunchOption.all.first(where: { $0.letter == letter }) else {
        throw .usage("launch has no option \(argument). See launch --help.")
      }
      let attached = argument.dropFirst(2)
      return (option, attached.isEmpty ? nil : String(attached.hasPrefix("=") ? attached.dropFirst() : attached))
    }
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0].dropFirst(2)).replacing("_", with: "-")
    let attached = parts.count == 2 ? String(parts[1]) : nil
    if let option = LaunchOption.named(name) { return (option, attached) }
    let candidates = LaunchOption.all.filter { !name.isEmpty && $0.name.hasPrefix(name) }
    switch candidates.count {
    case 1: return (candidates[0], attached)
    case 0:
      let near = nearest(to: name, among: LaunchOption.all.map(\.name)).map { " Did you mean --\($0)?" } ?? ""
      throw .usage(
        "launch has no option \(parts[0]).\(near) Options of the worker follow its name. See launch --help.")
    default:
      throw .usage(
        "\(parts[0]) could be any of \(candidates.map { "--\($0.name)" }.joined(separator: ", ")).")
    }
  }

  /// The value of an option: from the command line, else from `PET_…` in the environment.
  func value(_ name: String, _ environment: [String: String]) -> (text: String, origin: String)? {
    if let value = values[name] { return (value, "--\(name)") }
    guard let option = LaunchOption.named(name), let value = environment[option.variable], !value.isEmpty else {
      return nil
    }
    return (value, option.variable)
  }

  /// Whether a flag is on: on the command line, else by a number other than 0 in the environment.
  func flag(_ name: String, _ environment: [String: String]) throws(LaunchError) -> Bool {
    if flags.contains(name) { return true }
    guard let option = LaunchOption.named(name), let value = environment[option.variable], !value.isEmpty else {
      return false
    }
    guard let number = Int(value) else { throw .usage("\(option.variable) is \"\(value)\"; expected 0 or 1.") }
    return number != 0
  }
}
