import ArgumentParser
import Foundation
import Launcher
import Torch

/// `launch`: several processes of a command, as torchrun starts them.
struct Launch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Starts a command in several processes, on this machine or several, with torchrun's options.")

  // `LaunchOptions` reads them instead of the parser: options may be shortened, and those of the worker are its own.
  @Argument(parsing: .captureForPassthrough, help: "torchrun's options, then a command with its own.")
  var arguments: [String] = []

  func run() throws {
    try Self.start(arguments)
  }

  /// Runs a job to its end, and ends the process as it did.
  static func start(_ arguments: [String]) throws -> Never { Foundation.exit(try job(arguments)) }

  /// Runs a job to its end.
  ///
  /// - Parameters:
  ///   - arguments: launch's own options, the command of the workers, and its options
  ///   - environment: the launcher's, which the workers inherit
  ///   - output: where the workers' results go
  ///   - error: where their messages go, and the launcher's own
  /// - Returns: what the process should exit with
  static func job(
    _ arguments: [String], environment: [String: String] = ProcessInfo.processInfo.environment,
    output: Int32 = STDOUT_FILENO, error: Int32 = STDERR_FILENO
  ) throws -> Int32 {
    guard
      let options = try LaunchOptions.parse(
        arguments, environment: environment, devices: { Runtime.cudaDeviceCount })
    else {
      Output.line(LaunchOptions.help())
      return 0
    }
    let program = try WorkerProgram(options, commands: commands, environment: environment)
    if !options.startsAnyProgram {
      // What is wrong with the command line is said here, once, and no worker is started to print its help.
      var command = try MiniMindDPO.parsed(options.worker)
      if type(of: command)._commandName != options.worker.first {
        try command.run()
        return 0
      }
    }
    return Agent(
      options, program: program, environment: environment, stores: TorchStores(), output: output, error: error
    ).run()
  }

  /// What workers can be: the commands that share their work among processes.
  private static let commands = [Train._commandName, Evaluate._commandName, Bench._commandName, Doctor._commandName]
}

/// LibTorch's stores, which workers under torchrun know as well.
struct TorchStores: StoreProvider {
  private struct Hosted: KeyValueStore {
    let store: Store
    func set(_ key: String, to value: [UInt8]) throws { try store.set(key, to: value) }
    func get(_ key: String, timeout: Duration) throws -> [UInt8] { try store.get(key, timeout: timeout) }
    func check(_ key: String) throws -> Bool { try store.exists(key) }
    func add(_ amount: Int, to key: String) throws -> Int { try store.add(amount, to: key) }
    func compareAndSet(_ key: String, expected: [UInt8], desired: [UInt8]) throws -> [UInt8] {
      try store.compareAndSet(key, expected: expected, desired: desired)
    }
  }

  func host(listening: Int32, port: Int) throws -> any KeyValueStore {
    Hosted(store: try Store.hosting(port: port, listening: listening))
  }

  func connect(to endpoint: Endpoint, timeout: Duration) throws -> any KeyValueStore {
    Hosted(store: try Store.connecting(to: endpoint.host, port: endpoint.port, timeout: timeout))
  }
}
