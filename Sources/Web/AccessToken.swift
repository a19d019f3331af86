import Hummingbird

/// What a person must know to see a server that listens on more than this machine.
public struct AccessToken: Sendable, Hashable {
  public let text: String

  public init(_ text: String) { self.text = text }
}
