import Collectives
import Files
import Foundation
import Jinja
import Launcher
import MiniMind
import Observability
import OrderedJSON
import Preferences
import Serving
import Tokenization
import Torch
import Training
import Web

/// A run that ends without success: what to say, and the exit code (the numbers of sysexits.h).
struct Failure: Error {
  /// The codes, by what they mean here.
  enum Code: Int32 {
    case usage = 64
    case badData = 65
    case missingInput = 66
    case unavailable = 69
    case `internal` = 70
    case cannotWrite = 73
    /// Stopped by a signal after a complete checkpoint; the run can be resumed.
    case stopped = 75
  }

  let code: Code
  let message: String
  /// Whether the error is of a kind that this type does not know.
  private(set) var isUnclassified = false
  /// Whether another rank prints the same in the same place.
  var isSaidElsewhere = false

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// Finds the code for whatever was thrown.
  init(_ error: any Error) {
    switch error {
    case let failure as Failure: self = failure
    case let error as PreferenceFileError:
      self.init(error.isMissingInput ? .missingInput : error.isUnavailable ? .unavailable : .badData, "\(error)")
    case is GGUFError, is LlamaVocabularyError: self.init(.badData, "\(error)")
    case let error as GuardFileError: self.init(error.isMissingInput ? .missingInput : .badData, "\(error)")
    case let error as TokenizerError:
      if case .missing = error { self.init(.missingInput, "\(error)") } else { self.init(.badData, "\(error)") }
    case let error as TokenizerConfigurationError:
      if case .missing = error { self.init(.missingInput, "\(error)") } else { self.init(.badData, "\(error)") }
    case let error as ChatTemplateError:
      if case .missing = error { self.init(.missingInput, "\(error)") } else { self.init(.badData, "\(error)") }
    case let error as FileError:
      self.init(
        error.isWriteFailure ? .cannotWrite : error.isMissingInput ? .missingInput : .badData, "\(error)")
    case let error as AdapterError:
      switch error {
      case .badPattern, .noTarget, .notMiniMinds: self.init(.usage, "\(error)")
      case .unsupported, .misfit: self.init(.badData, "\(error)")
      }
    case let error as TrainingError: self.init(Self.code(for: error), "\(error)")
    case let error as DeviceChoiceError: self.init(.unavailable, "\(error)")
    case let error as WorkerEnvironmentError: self.init(.usage, "\(error)")
    case let error as LaunchError: self.init(Code(rawValue: error.code.rawValue) ?? .internal, error.description)
    case let error as CollectiveError:
      if case .disagreement = error { self.init(.badData, "\(error)") } else { self.init(.unavailable, "\(error)") }
    case let error as TorchError where error.kind == .communication || error.kind == .timeout:
      self.init(.unavailable, "\(error)")
    case let error as TorchError where error.kind == .notFinite: self.init(.badData, error.reason)
    case let error as TorchError:
      self.init(
        .internal,
        error.kind == .outOfMemory
          ? "out of memory in \(error). Lower --per-device-train-batch-size (raise --gradient-accumulation-steps instead, "
            + "which gives the same result), or --max-length."
          : "this is a defect of the program, please report it: \(error)")
    case let error as PromptError: self.init(error == .noTemplate ? .missingInput : .badData, "\(error)")
    case is PairError, is ModelConfigurationError, is WeightMismatch, is WeightsNotFinite, is WeightsCannotBeSaved,
      is TemplateError,
      is JSONError:
      self.init(.badData, "\(error)")
    case let error as MetricsFileError:
      if case .cannotRead = error { self.init(.missingInput, "\(error)") } else { self.init(.cannotWrite, "\(error)") }
    case is WebError: self.init(.unavailable, "\(error)")
    case is TensorBoardError, is ReportError: self.init(.cannotWrite, "\(error)")
    default:
      self.init(.internal, "an unexpected error; this is a defect of the program, please report it: \(error)")
      isUnclassified = true
    }
  }

  private static func code(for error: TrainingError) -> Code {
    switch error {
    case .wrongStart, .outOfMemory: .internal
    case .notFinite, .otherRun, .vocabularyTooSmall: .badData
    case .noCheckpoint: .missingInput
    case .folderInUse, .folderLocked, .folderHoldsOthers, .cannotWrite: .cannotWrite
    }
  }

  /// Prints the message and ends the process.
  func exit() -> Never {
    Console.standardError.clearStatus()
    noteReason()
    // The first rank often fails for the same reason and says so; then the starter ends this one in time.
    if ThisProcess.isOneOfOthers, !isSaidElsewhere { usleep(700_000) }
    say()
    Foundation.exit(code.rawValue)
  }

  /// The same from a thread beside the one that works, which may never come back: nothing is waited for.
  func leave(_ environment: WorkerEnvironment) -> Never {
    Console.standardError.clearStatus()
    say()
    noteReason()
    LastWords.say(message)
    Foundation._exit(code.rawValue)
  }

  /// The message; of several processes, with the rank before it.
  private func say() {
    guard let environment = ThisProcess.environment, environment.isDistributed else {
      return Console.standardError.print("error: \(message)")
    }
    if !isSaidElsewhere { Console.standardError.print("[rank \(environment.rank)] error: \(message)") }
  }

  /// The message where the launcher collects reasons.
  private func noteReason() {
    guard code != .stopped, let environment = ThisProcess.environment, environment.isDistributed,
      let file = environment.errorFile
    else { return }
    let reason: JSON = [
      "message": [
        "message": .string(message),
        "extraInfo": ["py_callstack": .string(message), "timestamp": .string("\(Int(Date().timeIntervalSince1970))")],
      ]
    ]
    // Written aside and renamed: torchrun does not survive half of such a file.
    try? writeAtomically(Data(reason.serialized().utf8), to: URL(fileURLWithPath: file))
  }
}
