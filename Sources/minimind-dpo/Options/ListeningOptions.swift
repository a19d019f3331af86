import ArgumentParser
import Web

/// Where a server of this program listens, and who may ask it.
struct ListeningArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The address to listen at: 127.0.0.1 for this machine alone, 0.0.0.0 for others too, which then need the token.",
      valueName: "address"))
  var host = "127.0.0.1"
  @Option(
    help: ArgumentHelp(
      "The port to listen at; 0 for any that is free. Without: the command's own.", valueName: "port"))
  var port: Int?
  @Option(
    help: ArgumentHelp(
      """
      What whoever asks must show, as ?token=… or in the header Authorization: Bearer. Without: nothing on this machine \
      alone; else one is made up and printed.
      """, valueName: "text"))
  var token: String?

  func validate() throws {
    guard (0...65535).contains(port ?? 0) else {
      throw ValidationError("--port must be from 0 to 65535; 0 is any that is free.")
    }
    if let token, AccessToken(token) == nil {
      throw ValidationError("--token must be 1 to 256 letters, digits or any of - . _ ~.")
    }
  }

  /// The address.
  ///
  /// - Parameter standardPort: where none is given
  func address(standardPort: Int) -> ListeningAddress { ListeningAddress(host: host, port: port ?? standardPort) }

  /// The token that was chosen; nil for none.
  var accessToken: AccessToken? { token.flatMap { AccessToken($0) } }
}
