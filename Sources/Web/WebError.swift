/// Why a server could not listen, or go on.
public enum WebError: Error, Hashable, CustomStringConvertible {
  /// Another program listens there.
  case portTaken(host: String, port: Int)
  /// The system refuses for another reason.
  case cannotListen(host: String, port: Int, reason: String)
  /// It listened, and ended by itself.
  case ended(reason: String)

  /// What happened, and what to do.
  public var description: String {
    switch self {
    case .portTaken(let host, let port):
      "port \(port) of \(host) is taken by another program. Give another one with --port, or --port 0 for any that is free."
    case .cannotListen(let host, let port, let reason):
      "cannot listen at \(host), port \(port): \(reason). --host names an address of this machine (127.0.0.1, 0.0.0.0 for all), "
        + "--port a number from 1024 to 65535, or 0 for any that is free."
    case .ended(let reason): "the server ended by itself: \(reason)"
    }
  }
}
