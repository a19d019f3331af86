import ArgumentParser
import Foundation
import Launcher
import Observability

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

  /// Runs a job to its end, and ends the process with the job's exit code.
  static func start(_ arguments: [String]) throws -> Never {
    guard let job = try LaunchedJob(arguments) else {
      Output.line(LaunchOptions.help())
      Foundation.exit(0)
    }
    if let language = job.options.language {
      MessageLanguage.current = MessageLanguage(rawValue: language.rawValue) ?? .current
    }
    if !job.options.startsAnyProgram {
      // What is wrong with the command line is said here, once, and no worker is started to print its help.
      var command = try MiniMindDPO.parsed(job.options.worker)
      if type(of: command)._commandName != job.options.worker.first {
        try command.run()
        Foundation.exit(0)
      }
    }
    Foundation.exit(job.run())
  }
}
