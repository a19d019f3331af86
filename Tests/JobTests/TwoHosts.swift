import Foundation
import Synchronization
import Testing

/// Two network namespaces with a cable between them: for everything that goes over sockets, two machines. They know each
/// other as 10.77.0.1 and 10.77.0.2, have a loopback interface each, and no way to anywhere else.
///
/// They go with the object; what still runs there is not in their way.
final class TwoHosts: Sendable {
  /// Address of each.
  static let addresses = ["10.77.0.1", "10.77.0.2"]

  /// Names of the namespaces.
  let names: [String]
  /// Name of each host, as the processes there are told; it leads them to 127.0.0.1, as many a Linux has it.
  private let hostNames: [String]?

  private static let number = Mutex(0)

  /// - Parameter named: whether the hosts have names of their own, which lead to 127.0.0.1
  init(named: Bool = false) throws {
    let number = Self.number.withLock { number in
      number += 1
      return number
    }
    let names = ["a", "b"].map { "dpo-\(getpid())-\(number)\($0)" }
    self.names = names
    hostNames = named ? names.map { "host-\($0)" } : nil
    do {
      for (name, host) in zip(names, hostNames ?? []) {
        // `ip netns exec` puts the files of this folder in the places of those in /etc.
        let folder = Self.files(of: name)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data("127.0.0.1 localhost \(host)\n".utf8).write(to: URL(fileURLWithPath: folder + "/hosts"))
      }
      for name in names { try ip("netns", "add", name) }
      try ip("link", "add", "eth0", "netns", names[0], "type", "veth", "peer", "name", "eth0", "netns", names[1])
      for (name, address) in zip(names, Self.addresses) {
        try ip("-n", name, "address", "add", address + "/24", "dev", "eth0")
        try ip("-n", name, "link", "set", "lo", "up")
        try ip("-n", name, "link", "set", "eth0", "up")
      }
    } catch {
      remove()
      throw error
    }
  }

  deinit { remove() }

  private func remove() {
    for name in names {
      _ = try? ip("netns", "delete", name)
      try? FileManager.default.removeItem(atPath: Self.files(of: name))
    }
    // Removed only if it is empty.
    rmdir("/etc/netns")
  }

  private static func files(of name: String) -> String { "/etc/netns/" + name }

  /// Pulls the cable out.
  func unplug() throws { try ip("-n", names[0], "link", "set", "eth0", "down") }

  /// Makes the cable slow and lossy, in both directions: by delaying and dropping packets where the kernel has netem, else
  /// by a narrow cable whose short queue overflows.
  func impair() throws {
    for name in names {
      let queue = ["-n", name, "qdisc", "add", "dev", "eth0", "root"]
      do {
        try SystemCommand.run(Self.traffic, queue + ["netem", "delay", "5ms", "2ms", "loss", "1%"])
      } catch {
        try SystemCommand.run(Self.traffic, queue + ["tbf", "rate", "4mbit", "burst", "4kb", "limit", "8kb"])
      }
    }
  }

  /// Packets that got lost so far.
  func lostPackets() throws -> Int {
    try names.reduce(0) { sum, name in
      let words = try SystemCommand.run(Self.traffic, ["-n", name, "-s", "qdisc", "show", "dev", "eth0"]).split(
        whereSeparator: { " ,()\n".contains($0) })
      return sum + (words.firstIndex(of: "dropped").flatMap { Int(words[$0 + 1]) } ?? 0)
    }
  }

  /// The words that start a program on one of the hosts.
  func words(on host: Int, _ words: [String]) -> [String] {
    let inside = ["netns", "exec", names[host]]
    guard let hostNames else { return inside + words }
    return inside + ["unshare", "--uts", "sh", "-c", "hostname \"$0\" && exec \"$@\"", hostNames[host]] + words
  }

  @discardableResult
  private func ip(_ words: String...) throws -> String { try SystemCommand.run(Self.program, words) }

  /// `ip`, of iproute2.
  static let program = Starters.inPath("ip") ?? "ip"
  private static let traffic = Starters.inPath("tc") ?? "tc"

  /// Whether this machine lets the tests make such hosts.
  static let canBeMade: Bool = getuid() == 0 && Starters.inPath("unshare") != nil && (try? TwoHosts()) != nil
  static let cannotBeMade: Comment = "network namespaces need root, and ip and unshare (Debian: iproute2, util-linux)"

  /// Whether it can make their cable slow.
  static let canBeSlow: Bool = canBeMade && (try? TwoHosts().impair()) != nil
  static let cannotBeSlow: Comment = "a slow network needs tc (iproute2), and netem or tbf in the kernel"
}
