import Foundation
import Subprocess
import Testing

/// The program under test, run as users run it: a process of its own, with arguments, a folder, and two streams.
package enum Program {
  /// How a run ended.
  package struct Outcome: Sendable {
    package let status: TerminationStatus
    /// Standard output: results.
    package let output: String
    /// Standard error: messages.
    package let messages: String

    package init(status: TerminationStatus, output: String, messages: String) {
      (self.status, self.output, self.messages) = (status, output, messages)
    }

    /// The exit code; nil when a signal ended it.
    package var code: Int32? { if case .exited(let code) = status { code } else { nil } }
  }

  /// Runs the program to its end, and kills it when it takes too long.
  ///
  /// - Parameters:
  ///   - input: what standard input holds
  ///   - folder: the folder to run in, which relative paths go from
  ///   - program: another program, for comparisons
  ///   - meanwhile: done while it runs, for instance to send it signals
  package static func run(
    _ arguments: [String], input: String = "", in folder: Workspace, timeout: Duration = .seconds(600),
    program: URL = executable, meanwhile: @escaping @Sendable (Running) async throws -> Void = { _ in }
  ) async throws -> Outcome {
    await turns.take()
    do {
      let outcome = try await limited(timeout, program, arguments, input: input, in: folder, meanwhile: meanwhile)
      await turns.giveBack()
      return outcome
    } catch {
      await turns.giveBack()
      throw error
    }
  }

  private static func limited(
    _ timeout: Duration, _ program: URL, _ arguments: [String], input: String, in folder: Workspace,
    meanwhile: @escaping @Sendable (Running) async throws -> Void
  ) async throws -> Outcome {
    let location = folder.url
    return try await withThrowingTaskGroup(of: Outcome.self) { group in
      group.addTask { try await child(program, arguments, input: input, folder: location, meanwhile: meanwhile) }
      group.addTask {
        try await Task.sleep(for: timeout)
        throw TookTooLong(arguments: arguments, timeout: timeout)
      }
      // Cancelling the child's task kills the child.
      defer { group.cancelAll() }
      return try #require(try await group.next())
    }
  }

  /// The same, with the arguments one by one.
  package static func run(_ arguments: String..., input: String = "", in folder: Workspace) async throws -> Outcome {
    try await run(arguments, input: input, in: folder)
  }

  /// Runs the program, which has to succeed.
  @discardableResult
  package static func succeed(
    _ arguments: [String], input: String = "", in folder: Workspace, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> Outcome {
    let outcome = try await run(arguments, input: input, in: folder)
    try #require(
      outcome.code == 0, "\(arguments.joined(separator: " ")): \(outcome.messages)", sourceLocation: sourceLocation)
    return outcome
  }

  private static func child(
    _ program: URL, _ arguments: [String], input: String, folder: URL,
    meanwhile: @escaping @Sendable (Running) async throws -> Void
  ) async throws -> Outcome {
    // One thread each, so that sums have one order and the tests beside this one keep their cores.
    // What the program keeps between runs goes with the workspace. On the CPU whatever GPUs there are: tests compare bits.
    let environment = Environment.inherit.updating([
      "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8", "NO_COLOR": nil, "COLUMNS": nil, "CUDA_VISIBLE_DEVICES": "",
      "MINIMIND_DPO_CACHE": folder.appendingPathComponent(".cache").path,
    ])
    let result = try await Subprocess.run(
      .path(.init(program.path)), arguments: Arguments(arguments), environment: environment,
      workingDirectory: .init(folder.path), input: .string(input), output: .string(limit: 16 << 20),
      error: .string(limit: 1 << 20)
    ) { execution in
      try await meanwhile(Running(send: { try execution.send(signal: $0) }))
    }
    return Outcome(
      status: result.terminationStatus, output: result.standardOutput, messages: result.standardError)
  }

  /// The executable lies beside the test bundle, in the folder they were both built in.
  package static let executable: URL = {
    let name = "minimind-dpo"
    let arguments = CommandLine.arguments.filter { $0.contains("/") }
    let starts =
      [Bundle.main.executableURL, Bundle.main.bundleURL].compactMap(\.self) + arguments.map(URL.init(fileURLWithPath:))
    for start in starts {
      var folder = start
      for _ in 0..<5 where folder.path != "/" {
        let candidate = folder.appendingPathComponent(name)
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isFolder), !isFolder.boolValue,
          FileManager.default.isExecutableFile(atPath: candidate.path)
        {
          return candidate
        }
        folder.deleteLastPathComponent()
      }
    }
    return URL(fileURLWithPath: ".build/release/" + name)
  }()

  /// Whether that is a script which starts the program, as in the folder that `make gpu-bundle` makes.
  package static let isScript: Bool = {
    let file = FileHandle(forReadingAtPath: executable.path)
    return (try? file?.read(upToCount: 2)) == Data("#!".utf8)
  }()

  /// As many children at once as two cores serve.
  private static let turns = Turns(2)
}

/// A run in progress.
package struct Running: Sendable {
  package let send: @Sendable (Signal) throws -> Void

  /// Looks every few milliseconds until something is so; the timeout of the run ends a vain wait.
  package func wait(until isSo: () throws -> Bool) async throws {
    while try !isSo() { try await Task.sleep(for: .milliseconds(5)) }
  }
}

/// A program that did not come to its end.
package struct TookTooLong: Error, CustomStringConvertible {
  package let arguments: [String]
  package let timeout: Duration
  package var description: String { "took longer than \(timeout) and was killed: \(arguments.joined(separator: " "))" }
}

/// Lets a number of tasks go on at once; the others wait in line.
package actor Turns {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  package init(_ free: Int) { self.free = free }

  package func take() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  package func giveBack() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}
