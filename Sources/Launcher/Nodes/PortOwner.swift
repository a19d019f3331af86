import Foundation

/// Which process listens on a port of this machine.
package enum PortOwner: CustomStringConvertible {
  /// A process with its command.
  case process(Int32, name: String)
  /// A process of another network namespace or container.
  case elsewhere
  /// A process of another user, whom only root sees.
  case otherUser

  /// `process 4711 (python3 train.py)`, or why that is not known.
  package var description: String {
    switch self {
    case .process(let number, let name): "process \(number) (\(name))"
    case .elsewhere: "a process of another network namespace or container"
    case .otherUser: "a process of another user (see ss -ltnp as root)"
    }
  }

  /// Who listens on a port, in words.
  package static func describe(port: Int) -> String { of(port: port).description }

  /// Looks who listens on a port.
  package static func of(port: Int) -> PortOwner {
    // The kernel writes these tables piece by piece, and may pass over an entry while others come and go.
    var sockets: [String] = []
    for _ in 0..<5 where sockets.isEmpty {
      sockets = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { listeners(table: text($0), port: port) }
    }
    guard !sockets.isEmpty else { return .elsewhere }
    let names = Set(sockets.map { "socket:[\($0)]" })
    for process in folder("/proc").compactMap({ Int32($0) }).sorted() {
      for descriptor in folder("/proc/\(process)/fd") {
        guard
          let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/fd/\(descriptor)"),
          names.contains(target)
        else { continue }
        let command = text("/proc/\(process)/cmdline").split { $0 == "\0" || $0.isWhitespace }.joined(separator: " ")
        let name =
          command.isEmpty ? text("/proc/\(process)/comm").trimmingCharacters(in: .whitespacesAndNewlines) : command
        return .process(process, name: name.count > 200 ? "\(name.prefix(200))…" : name)
      }
    }
    return .otherUser
  }

  /// Inodes of the sockets that listen on a port, from a table such as `/proc/net/tcp`.
  private static func listeners(table: String, port: Int) -> [String] {
    table.split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 9, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
        Int(fields[1][fields[1].index(after: colon)...], radix: 16) == port
      else { return nil }
      return String(fields[9])
    }
  }

  // What reads a file at once stops at the first piece of one whose size the kernel gives as zero.
  private static func text(_ path: String) -> String {
    let file = FileHandle(forReadingAtPath: path)
    return String(decoding: (try? file?.readToEnd()) ?? Data(), as: UTF8.self)
  }

  private static func folder(_ path: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  }
}
