import Foundation
import Launcher
import Observability
import Torch

/// Several processes of a command of this program, started and watched by a launcher in this process.
struct LaunchedJob {
  /// The launcher's options, and the words of its workers.
  let options: LaunchOptions
  /// What the workers run.
  let program: WorkerProgram
  private let environment: [String: String]

  /// The commands that share their work among processes.
  private static let commands = ["train", "sft", "sweep", "eval", "pairs", "bench", "doctor"]

  /// Reads the arguments of `launch`; nil where they ask for its help.
  ///
  /// - Parameters:
  ///   - arguments: launch's own options, the command of the workers, and its options
  ///   - environment: the launcher's, which the workers inherit
  /// - Throws: `LaunchError`
  init?(_ arguments: [String], environment: [String: String] = ProcessInfo.processInfo.environment) throws {
    guard
      let options = try LaunchOptions.parse(
        arguments, environment: environment, devices: { Runtime.cudaDeviceCount })
    else { return nil }
    self.options = options
    self.environment = environment
    program = try WorkerProgram(options, commands: Self.commands, environment: environment)
  }

  /// Runs the job to its end.
  ///
  /// - Parameters:
  ///   - output: where the workers' results go
  ///   - error: where their messages go, and the launcher's own
  /// - Returns: the exit code for this process
  func run(output: Int32 = STDOUT_FILENO, error: Int32 = STDERR_FILENO) -> Int32 {
    var options = options
    // Where no option of the launcher's names a language, it speaks that of this process, which the command may have named.
    options.language = options.language ?? LaunchLanguage(rawValue: MessageLanguage.current.rawValue)
    return Agent(
      options, program: program, environment: environment, stores: TorchStores(),
      // The others leave their results in files.
      isOutputResult: !options.startsAnyProgram
        && ["eval", "bench", "sweep", "doctor"].contains(options.worker.first),
      output: output, error: error
    ).run()
  }
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
