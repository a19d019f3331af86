import Foundation

/// Turns the texts of options into values, with errors that name the option or the variable.
struct OptionReader {
  let arguments: LaunchArguments
  let environment: [String: String]

  func value(_ name: String) -> (text: String, origin: String)? { arguments.value(name, environment) }

  func text(_ name: String) -> String? { value(name)?.text }

  func number(_ name: String, _ range: ClosedRange<Int>) throws(LaunchError) -> Int? {
    guard let (text, origin) = value(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      let limits =
        range.upperBound == .max ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw .usage("\(origin) is \"\(text)\"; expected a number \(limits).")
    }
    return number
  }

  func number(_ name: String, _ range: PartialRangeFrom<Int>) throws(LaunchError) -> Int? {
    try number(name, range.lowerBound...Int.max)
  }

  func seconds(_ name: String) throws(LaunchError) -> Double? {
    guard let (text, origin) = value(name) else { return nil }
    return try Self.seconds(text, origin)
  }

  private static func seconds(_ text: String, _ origin: String) throws(LaunchError) -> Double {
    guard let number = Double(text), number.isFinite, number >= 0 else {
      throw .usage("\(origin) is \"\(text)\"; expected seconds.")
    }
    return number
  }

  func shutdownTimeout() throws(LaunchError) -> Double {
    if let given = try seconds("shutdown-timeout") { return given }
    let variable = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"
    guard let text = environment[variable], !text.isEmpty else { return 30 }
    return try Self.seconds(text, variable)
  }

  func workers(cores: Int, devices: () -> Int) throws(LaunchError) -> Int {
    guard let (text, origin) = value("nproc-per-node") else { return 1 }
    switch text {
    case "cpu": return cores
    case "gpu":
      let count = devices()
      guard count > 0 else {
        throw LaunchError(
          .unavailable,
          "\(origin) gpu: no CUDA device is visible. Look at nvidia-smi and CUDA_VISIBLE_DEVICES, and whether this build is "
            + "one for CUDA (minimind-dpo doctor).")
      }
      return count
    case "auto":
      let count = devices()
      return count > 0 ? count : cores
    default:
      guard let number = Int(text), (1...4096).contains(number) else {
        throw .usage("\(origin) is \"\(text)\"; expected a number from 1 to 4096, cpu, gpu or auto.")
      }
      return number
    }
  }

  func nodes() throws(LaunchError) -> ClosedRange<Int> {
    guard let (text, origin) = value("nnodes") else { return 1...1 }
    let limits = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard (1...2).contains(limits.count), limits[0] >= 1, limits[limits.count - 1] >= limits[0] else {
      throw .usage("\(origin) is \"\(text)\"; expected the number of nodes, or the fewest and the most, such as 2:4.")
    }
    return limits[0]...limits[limits.count - 1]
  }

  func backend() throws(LaunchError) -> LaunchOptions.Backend {
    guard let (text, origin) = value("rdzv-backend") else { return .static }
    guard let backend = LaunchOptions.Backend(rawValue: text) else {
      throw .usage("\(origin) is \"\(text)\"; this launcher has static and c10d.")
    }
    return backend
  }

  func language() throws(LaunchError) -> LaunchLanguage? {
    guard let (text, origin) = value("lang") else { return nil }
    guard let language = LaunchLanguage(rawValue: text) else {
      throw .usage("\(origin) is \"\(text)\"; expected en or zh.")
    }
    return language
  }

  func streams(_ name: String) throws(LaunchError) -> StreamChoice {
    guard let (text, origin) = value(name) else { return StreamChoice() }
    guard let choice = StreamChoice(text) else {
      throw .usage(
        "\(origin) is \"\(text)\"; expected 0 (none), 1 (stdout), 2 (stderr), 3 (both), or those for local ranks: 0:3,1:2."
      )
    }
    return choice
  }

  func shownLocalRanks() throws(LaunchError) -> Set<Int>? {
    guard let (text, origin) = value("local-ranks-filter") else { return nil }
    var ranks: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let rank = Int(part.trimmingCharacters(in: .whitespaces)), rank >= 0 else {
        throw .usage("\(origin) is \"\(text)\"; expected local ranks, such as 0,2.")
      }
      ranks.insert(rank)
    }
    return ranks
  }

  func signals() throws(LaunchError) -> [String] {
    guard let (text, origin) = value("signals-to-handle") else { return LaunchOptions.defaultSignals }
    let names = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    for name in names {
      guard let number = SignalName.number(of: name), number != SIGKILL, number != SIGSTOP else {
        throw .usage("\(origin): \(name) cannot be passed on; expected names of signals such as SIGTERM,SIGUSR1.")
      }
    }
    return names
  }

  /// `--rdzv-conf`: numbers by their names. Settings of torchrun's other back ends are accepted without effect.
  func configuration() throws(LaunchError) -> [String: Double] {
    guard let (text, origin) = value("rdzv-conf") else { return [:] }
    var settings: [String: Double] = [:]
    for part in text.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      guard pair.count == 2 else { throw .usage("\(origin): \"\(part)\" is not of the form key=value.") }
      switch pair[0] {
      case "is_host":
        guard
          let isTrue = ["1": true, "true": true, "t": true, "0": false, "false": false, "f": false][
            pair[1].lowercased()]
        else { throw .usage("\(origin): is_host is \"\(pair[1])\"; expected true or false.") }
        settings[pair[0]] = isTrue ? 1 : 0
      case "timeout", "join_timeout", "last_call_timeout", "keep_alive_interval", "keep_alive_max_attempt":
        settings[pair[0]] = try Self.seconds(pair[1], "\(origin): \(pair[0])")
      case "close_timeout", "heartbeat_timeout", "read_timeout", "store_type": break
      default:
        throw .usage(
          "\(origin): unknown setting \(pair[0]); known are timeout, join_timeout, last_call_timeout, is_host, "
            + "keep_alive_interval and keep_alive_max_attempt.")
      }
    }
    return settings
  }
}
