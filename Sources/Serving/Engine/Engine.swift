import Dispatch
import Foundation
import Synchronization

/// The models of a server, and the thread that they live on. Requests come from any thread; their answers are made side by side.
public final class Engine: Sendable {
  /// The models, in the order in which they were named.
  public let models: [ServedModel]
  private let inbox: Inbox

  /// Starts the thread, loads the models on it, and returns when they are there.
  ///
  /// Tensors belong to the thread that makes them: so the models are loaded where they run.
  ///
  /// - Parameters:
  ///   - load: makes the models; called on the engine's thread
  ///   - report: told what went wrong while answering, for the log
  /// - Throws: what `load` throws.
  public init(
    limits: EngineLimits = EngineLimits(), report: @escaping @Sendable (String) -> Void = { _ in },
    loading load: @escaping @Sendable () throws -> [LoadedModel]
  ) throws {
    let inbox = Inbox(waiting: limits.waiting)
    let loaded = Mutex<Result<[ServedModel], any Error>?>(nil)
    let isLoaded = DispatchSemaphore(value: 0)
    let thread = Thread {
      let models: [LoadedModel]
      do {
        models = try load()
        loaded.withLock { $0 = .success(models.map(\.served)) }
        isLoaded.signal()
      } catch {
        loaded.withLock { $0 = .failure(error) }
        isLoaded.signal()
        return
      }
      EngineLoop(models, inbox: inbox, limits: limits, report: report).run()
    }
    thread.name = "engine"
    thread.stackSize = 8 << 20
    thread.start()
    isLoaded.wait()
    models = try loaded.withLock { try $0?.get() ?? [] }
    self.inbox = inbox
  }

  deinit { inbox.close() }

  /// The model of a name.
  ///
  /// - Throws: `EngineError.unknownModel`.
  public func model(_ name: String) throws(EngineError) -> ServedModel {
    guard let model = models.first(where: { $0.name == name }) else { throw .unknownModel(name) }
    return model
  }

  /// Asks for answers.
  ///
  /// - Returns: what happens to them, until the last one has ended; giving it up frees their places
  /// - Throws: `EngineError`.
  public func answers(to request: GenerationRequest) throws(EngineError) -> AsyncStream<AnswerEvent> {
    _ = try model(request.model)
    let (stream, continuation) = AsyncStream.makeStream(of: AnswerEvent.self)
    let id = try inbox.add(request, answers: continuation)
    continuation.onTermination = { [inbox] in if case .cancelled = $0 { inbox.cancel(id) } }
    return stream
  }

  /// How many answers run at the moment, and how many wait.
  public var load: (running: Int, waiting: Int) { inbox.load }

  /// Gives up what runs, and takes on nothing more.
  public func stop() { inbox.close() }
}
