/// A secret that whoever asks a server must know, where the server can be reached from other machines.
///
/// A program shows it as `Authorization: Bearer …`; a browser opens the page with `?token=…` once, and keeps it as a cookie.
public struct AccessToken: Sendable, Hashable {
  /// The secret: letters, digits and `-._~`, so that it can stand in an address as it is.
  public let text: String

  /// A token that somebody chose; nil where it is empty, longer than 256 characters, or holds others than letters, digits and
  /// `-._~`.
  public init?(_ text: String) {
    let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
    guard (1...256).contains(text.utf8.count), text.utf8.allSatisfy(allowed.contains) else { return nil }
    self.text = text
  }

  private init(checked text: String) { self.text = text }

  /// A new one of 128 random bits, which nobody guesses.
  public static func random() -> AccessToken {
    var generator = SystemRandomNumberGenerator()
    let halves = (0..<2).map { _ in
      let digits = String(generator.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return AccessToken(checked: halves.joined())
  }

  /// Whether a text is the token. The time this takes says nothing about how much of it is right.
  public func isSame(as other: some StringProtocol) -> Bool {
    let (own, other) = (Array(text.utf8), Array(other.utf8))
    var difference = own.count ^ other.count
    for index in own.indices { difference |= Int(own[index] ^ (index < other.count ? other[index] : 0)) }
    return difference == 0
  }
}
