import Foundation
import Observability
import OrderedJSON

/// The facts about the network: how processes would find each other, on this machine and on others.
package struct NetworkFacts: Hashable, Sendable {
  /// A network interface that is up.
  package struct Interface: Hashable, Sendable {
    package var name: String
    package var addresses: [String]

    package init(_ name: String, _ addresses: [String]) {
      (self.name, self.addresses) = (name, addresses)
    }

    package var isLoopback: Bool { addresses.allSatisfy(NetworkFacts.isLoopback) }
    /// Made by Docker, Kubernetes or a virtual machine monitor: it leads to guests of this host, not to other hosts.
    package var isVirtual: Bool {
      Container.hasVirtualName(name)
    }
  }

  /// The result of listening on a port and connecting to it.
  package enum Port: Hashable, Sendable {
    case works
    case fails(String)
  }

  package var hostName = ""
  /// The addresses that the host's own name has here; none where it has none.
  package var hostAddresses: [String] = []
  package var interfaces: [Interface] = []
  /// The variables of launchers, NCCL and Gloo that are set.
  package var variables: [String: String] = [:]
  /// Whether those of launchers are of a launcher that started this very process.
  package var isStarted = false
  package var port = Port.works
  /// Who listens on the port at which several hosts would meet; nil where it is free.
  package var meetingPortOwner: String?
  /// Whether the launcher that started this process named a host, MASTER_ADDR, that has no address here.
  package var isMasterUnknown = false
  /// GPUs, which NCCL would connect.
  package var deviceCount = 0

  package init() {}

  static func isLoopback(_ address: String) -> Bool { address.hasPrefix("127.") || address == "::1" }

  /// The port at which several hosts would meet.
  package var meetingPort: Int { variables["MASTER_PORT"].flatMap { Int($0) } ?? 29500 }
}

extension NetworkFacts {
  /// What was found.
  package var findings: [Finding] {
    [portFinding, meetingPortFinding, host, master, wires, glooInterface, ncclInterface, leftovers, ncclSettings]
      .compactMap(\.self)
  }

  private var portFinding: Finding? {
    switch port {
    case .works: .ok("ports", "processes of this machine can open TCP ports and reach each other")
    case .fails(let reason):
      .problem(
        "ports", "a process of this machine cannot reach another at 127.0.0.1: \(reason)",
        remedy:
          "several processes cannot train here. Bring the loopback interface up (ip link set lo up), and look for "
          + "firewall or sandbox rules that stop local connections")
    }
  }

  private var meetingPortFinding: Finding? {
    guard let meetingPortOwner, !isStarted else { return nil }
    return .warning(
      "meeting-port", "port \(meetingPort), at which several hosts would meet, is taken by \(meetingPortOwner)",
      remedy:
        "end it, or name another port with --master-port (MASTER_PORT under srun and mpirun); on one host a free one is "
        + "found by itself", ["port": .integer(meetingPort)])
  }

  private var host: Finding? {
    let values: JSON.Object = [
      "host": .string(hostName), "addresses": .array(hostAddresses.map(JSON.string)),
    ]
    if hostAddresses.isEmpty {
      return .warning(
        "host-name", "this host's name, \(hostName), has no address",
        remedy:
          "add a line with the host's address and this name to /etc/hosts; until then name the host by its address in "
          + "--master-addr", values)
    }
    if hostAddresses.allSatisfy(Self.isLoopback) {
      return .ok(
        "host-name",
        "\(hostName) leads to \(hostAddresses[0]), so to no other host; that does not matter here, since processes "
          + "take the interface that leads to --master-addr", values)
    }
    return .ok("host-name", "\(hostName) is \(hostAddresses.joined(separator: ", "))", values)
  }

  private var master: Finding? {
    guard isMasterUnknown, let name = variables["MASTER_ADDR"] else { return nil }
    let set = Self.ofLauncher.compactMap { name in variables[name].map { "\(name)=\($0)" } }.joined(separator: ", ")
    return .problem(
      "master-address", "MASTER_ADDR is \(name), which has no address here, so the ranks cannot meet (\(set))",
      remedy: "if these variables are left over from another job: \(Self.unsetting). If a launcher set them, name rank "
        + "0's host by a name or an address that all hosts know")
  }

  private static let ofLauncher = [
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
  ]
  /// The command that removes what a launcher has set.
  static var unsetting: String { "unset " + ofLauncher.joined(separator: " ") }

  private var wires: Finding? {
    let outside = interfaces.filter { !$0.isLoopback }
    let values: JSON.Object = [
      "interfaces": .object(
        JSON.Object(interfaces.map { (key: $0.name, value: .array($0.addresses.map(JSON.string))) }))
    ]
    if outside.isEmpty {
      return .ok(
        "interfaces", "no network but this machine's own; several hosts cannot train together from here", values)
    }
    // Addresses of version 6 that only hold on the wire say nothing to anybody.
    let list = outside.map { interface in
      ([interface.name] + interface.addresses.filter { !$0.hasPrefix("fe80:") }.prefix(2)).joined(separator: " ")
    }
    return .ok("interfaces", "network: " + list.joined(separator: "; "), values)
  }

  private var names: String { interfaces.map(\.name).joined(separator: ", ") }

  private var glooInterface: Finding? {
    guard let name = variables["GLOO_SOCKET_IFNAME"], !interfaces.contains(where: { $0.name == name }) else {
      return nil
    }
    return .problem(
      "gloo-interface", "GLOO_SOCKET_IFNAME is \(name), but no such interface is up",
      remedy: "unset it, or name one of: \(names)")
  }

  private var ncclInterface: Finding? {
    if let pattern = variables["NCCL_SOCKET_IFNAME"] {
      guard !interfaces.contains(where: { Self.matches($0.name, pattern) }) else { return nil }
      return .problem(
        "nccl-interface",
        "NCCL_SOCKET_IFNAME is \(pattern), which matches no interface that is up: NCCL cannot connect",
        remedy: "unset it, or name one of: \(names)")
    }
    let outside = interfaces.filter { !$0.isLoopback }
    // NCCL itself passes over lo and docker…, and takes whatever else there is.
    let misleading = outside.filter { $0.isVirtual && !$0.name.hasPrefix("docker") }
    let real = outside.filter { !$0.isVirtual }
    guard deviceCount > 0, !misleading.isEmpty, let first = real.first else { return nil }
    return .warning(
      "nccl-interface",
      "NCCL may try \(misleading.map(\.name).joined(separator: ", ")), which leads only to guests of this host, and then "
        + "fail to reach other hosts",
      remedy: "for several hosts: export NCCL_SOCKET_IFNAME=\(first.name)")
  }

  /// Whether NCCL would use an interface (NCCL user guide, "NCCL_SOCKET_IFNAME"): a list of beginnings of names; after `=`
  /// of whole names, after `^` of those that it must not take.
  package static func matches(_ name: String, _ pattern: String) -> Bool {
    var list = pattern[...]
    let isExcluding = list.hasPrefix("^")
    if isExcluding { list = list.dropFirst() }
    let isExact = list.hasPrefix("=")
    if isExact { list = list.dropFirst() }
    let isListed = list.split(separator: ",").contains { entry in
      let wanted = entry.split(separator: ":").first.map(String.init) ?? ""
      return isExact ? name == wanted : name.hasPrefix(wanted)
    }
    return isListed != isExcluding
  }

  private var leftovers: Finding? {
    guard !isStarted else { return nil }
    let names = [
      "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK",
      "TORCHELASTIC_RUN_ID", "TORCHELASTIC_USE_AGENT_STORE",
    ].filter { variables[$0] != nil }
    let launch = variables.keys.filter { $0.hasPrefix("PET_") }.sorted()
    guard !names.isEmpty || !launch.isEmpty else { return nil }
    let all = names + launch
    let set = all.map { "\($0)=\(variables[$0] ?? "")" }.joined(separator: ", ")
    return .warning(
      "environment", "\(set): set here, though no launcher started this process",
      remedy: "an operator of Kubernetes sets such variables on purpose. If they are left from another job, then "
        + "unset \(all.joined(separator: " ")): a run that you start would take itself for a part of that one")
  }

  /// Settings that are often left over from a search for an error.
  private var ncclSettings: Finding? {
    guard deviceCount > 0 else { return nil }
    let slow = ["NCCL_P2P_DISABLE", "NCCL_SHM_DISABLE", "NCCL_IB_DISABLE"].filter { variables[$0] == "1" }
    guard !slow.isEmpty else { return nil }
    return .warning(
      "nccl-settings", "\(slow.map { $0 + "=1" }.joined(separator: ", ")) disables a fast connection between GPUs",
      remedy: "unset \(slow.joined(separator: " ")), unless NCCL does not work without it")
  }
}
