import Dispatch
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// A small HTTP server for people and programs of this machine: it listens, turns away who may not ask, and ends in good
/// order when it is told to. It keeps no record of requests.
public struct WebServer: Sendable {
  /// What its routes are added to.
  public typealias Routes = Router<BasicRequestContext>

  private let address: ListeningAddress
  private let token: AccessToken?
  private let allowsLocalPages: Bool
  private let addRoutes: @Sendable (Routes) -> Void

  /// Connections beyond this wait: each takes a file descriptor, of which a process often has 1,024.
  private static let connectionLimit = 400
  /// How long answers that are on their way are waited for when the server is to stop.
  private static let patience = Duration.seconds(5)

  /// A server.
  ///
  /// - Parameters:
  ///   - address: where it listens
  ///   - token: what whoever asks must know; where the address is not loopback's and there is none, one is made up
  ///   - allowsLocalPages: whether pages of other servers of this machine may ask too, such as a chat page in a browser
  ///   - routes: adds what is answered
  public init(
    _ address: ListeningAddress, token: AccessToken? = nil, allowsLocalPages: Bool = false,
    routes: @escaping @Sendable (Routes) -> Void
  ) {
    self.address = address
    self.token = token ?? (address.isLoopback ? nil : .random())
    (self.allowsLocalPages, addRoutes) = (allowsLocalPages, routes)
  }

  /// Listens and answers until SIGINT or SIGTERM comes, or the task is cancelled.
  ///
  /// - Parameters:
  ///   - endsAtSignals: whether it hears these signals
  ///   - listening: called once, when it really listens, with the address for a browser, which has the token in it
  /// - Throws: `WebError`, mostly before it listens
  public func run(endsAtSignals: Bool = true, listening: @escaping @Sendable (_ url: String) -> Void)
    async throws(WebError)
  {
    let hasListened = Mutex(false)
    let routes = Routes()
    routes.add(middleware: AccessMiddleware(rules: rules))
    addRoutes(routes)
    // Its own words about starting and stopping are for developers; what matters is thrown.
    let logger = Logger(label: "web") { _ in SwiftLogNoOpLogHandler() }
    let application = Application(
      responder: routes.buildResponder(),
      server: .http1(configuration: .init(idleTimeout: .seconds(60))),
      configuration: ApplicationConfiguration(
        address: .hostname(address.host, port: address.port),
        availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionLimit)),
      onServerRunning: { channel in
        hasListened.withLock { $0 = true }
        listening(address.url(port: channel.localAddress?.port ?? address.port, token: token))
      }, logger: logger)
    var configuration = ServiceGroupConfiguration(
      services: [.init(service: application, successTerminationBehavior: .gracefullyShutdownGroup)],
      gracefulShutdownSignals: endsAtSignals ? [.sigint, .sigterm] : [], logger: logger)
    configuration.maximumGracefulShutdownDuration = Self.patience
    let group = ServiceGroup(configuration: configuration)
    do {
      // Cancelling the group's own task would drop connections that wait to be answered, which SwiftNIO takes for a mistake.
      let running = Task { try await group.run() }
      try await withTaskCancellationHandler {
        try await running.value
      } onCancel: {
        Task { await group.triggerGracefulShutdown() }
      }
    } catch is CancellationError {
    } catch {
      // An answer that outlasts the patience ends the group with an error; it was told to stop all the same.
      if !hasListened.withLock(\.self) { throw failure(error) }
    }
  }

  /// The same for a thread that has nothing else to do until the server stops.
  public func serve(listening: @escaping @Sendable (_ url: String) -> Void) throws(WebError) {
    let outcome = Mutex<Result<Void, WebError>>(.success(()))
    let end = DispatchSemaphore(value: 0)
    Task.detached {
      do throws(WebError) {
        try await run(listening: listening)
      } catch {
        outcome.withLock { $0 = .failure(error) }
      }
      end.signal()
    }
    end.wait()
    try outcome.withLock(\.self).get()
  }

  /// Cookies are kept by host, whatever the port: its number is in the name.
  private var rules: AccessRules {
    let place = address.port == 0 ? AccessToken.random().text : "\(address.port)"
    return AccessRules(
      isLoopback: address.isLoopback, token: token, allowsLocalPages: allowsLocalPages,
      cookieName: "minimind-dpo-\(place)")
  }

  private func failure(_ error: any Error) -> WebError {
    if let error = error as? IOError {
      if error.errnoCode == EADDRINUSE { return .portTaken(host: address.host, port: address.port) }
      return .cannotListen(host: address.host, port: address.port, reason: String(cString: strerror(error.errnoCode)))
    }
    if let error = error as? SocketAddressError, case .unknown = error {
      return .cannotListen(host: address.host, port: address.port, reason: "there is no such host")
    }
    return .cannotListen(host: address.host, port: address.port, reason: "\(error)")
  }
}
