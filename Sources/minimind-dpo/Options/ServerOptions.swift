import ArgumentParser
import Web

/// Where a server listens, and who may ask.
struct ServerArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The address to listen at. Others than this machine's own, such as 0.0.0.0, ask for a token.",
      valueName: "address"))
  var host = "127.0.0.1"
  @Option(help: ArgumentHelp("The port; 0 for any that is free.", valueName: "number"))
  var port = 8000
  @Option(
    help: ArgumentHelp(
      "The token that clients send as their API key. (default: none on this machine, elsewhere a random one that is printed)",
      valueName: "text"))
  var token: String?

  func validate() throws {
    guard (0...65535).contains(port) else { throw ValidationError("--port must lie in 0 to 65535.") }
  }

  /// The token asked for; nil where none was named.
  ///
  /// - Throws: `Failure` for one that cannot stand in an address
  func accessToken() throws -> AccessToken? {
    guard let token else { return nil }
    guard let found = AccessToken(token) else {
      throw Failure(.usage, "--token: up to 256 letters, digits and -._~ make a token.")
    }
    return found
  }
}
