import Foundation

/// Whether this process runs in a container, and what of the network around it is made by one.
public enum Container {
  /// Whether it does.
  public static var isHere: Bool {
    ["/.dockerenv", "/run/.containerenv"].contains { FileManager.default.fileExists(atPath: $0) }
      || ["container", "KUBERNETES_SERVICE_HOST"].contains { ProcessInfo.processInfo.environment[$0] != nil }
  }

  /// Whether a network interface leads over a bridge on the host, as those of Docker and of virtual machine monitors do.
  ///
  /// In a container such an interface may have any name; there it is one end of a pair (veth), whose other end has another
  /// number (Linux, Documentation/ABI/testing/sysfs-class-net).
  public static func isVirtual(interface name: String) -> Bool {
    if hasVirtualName(name) { return true }
    func number(_ file: String) -> Int? {
      let path = "/sys/class/net/\(name)/\(file)"
      return (try? String(contentsOfFile: path, encoding: .utf8))
        .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
    guard isHere, let own = number("ifindex"), let other = number("iflink") else { return false }
    return own != other
  }

  /// Whether an interface has the name of one that leads to guests of this host, and not to other hosts.
  package static func hasVirtualName(_ name: String) -> Bool {
    ["docker", "br-", "veth", "virbr", "cni", "flannel", "cali", "lxc", "podman", "tun", "tap"].contains {
      name.hasPrefix($0)
    }
  }
}
