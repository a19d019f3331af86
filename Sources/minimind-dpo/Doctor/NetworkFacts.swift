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
  package var meetingPortOwner: Phrase?
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
    case .works:
      .ok(
        "ports",
        Phrase(
          en: "processes of this machine can open TCP ports and reach each other", zh: "本机进程可以打开 TCP 端口并互相连接"))
    case .fails(let reason):
      .problem(
        "ports",
        Phrase(
          en: "a process of this machine cannot reach another at 127.0.0.1: \(reason)",
          zh: "本机进程无法在 127.0.0.1 连接另一个进程：\(reason)"),
        remedy: Phrase(
          en: "several processes cannot train here. Bring the loopback interface up (ip link set lo up), and look for "
            + "firewall or sandbox rules that stop local connections",
          zh: "这里不能多进程训练。请启用回环网卡（ip link set lo up），并检查阻止本地连接的防火墙或沙箱规则"))
    }
  }

  private var meetingPortFinding: Finding? {
    guard let meetingPortOwner, !isStarted else { return nil }
    return .warning(
      "meeting-port",
      Phrase(
        en: "port \(meetingPort), at which several hosts would meet, is taken by \(meetingPortOwner.en)",
        zh: "多台主机会合用的端口 \(meetingPort) 已被占用：\(meetingPortOwner.zh)"),
      remedy: Phrase(
        en:
          "end it, or name another port with --master-port (MASTER_PORT under srun and mpirun); on one host a free one is "
          + "found by itself",
        zh: "结束它，或用 --master-port 指定另一个端口（srun 和 mpirun 下用 MASTER_PORT）；单机时会自动找空闲端口"),
      ["port": .integer(meetingPort)])
  }

  private var host: Finding? {
    let values: JSON.Object = [
      "host": .string(hostName), "addresses": .array(hostAddresses.map(JSON.string)),
    ]
    if hostAddresses.isEmpty {
      return .warning(
        "host-name",
        Phrase(en: "this host's name, \(hostName), has no address", zh: "本机的主机名 \(hostName) 解析不到地址"),
        remedy: Phrase(
          en:
            "add a line with the host's address and this name to /etc/hosts; until then name the host by its address in "
            + "--master-addr",
          zh: "在 /etc/hosts 中加一行本机地址和这个名字；在此之前，--master-addr 请直接写地址"), values)
    }
    if hostAddresses.allSatisfy(Self.isLoopback) {
      return .ok(
        "host-name",
        Phrase(
          en:
            "\(hostName) leads to \(hostAddresses[0]), so to no other host; that does not matter here, since processes "
            + "take the interface that leads to --master-addr",
          zh: "\(hostName) 指向 \(hostAddresses[0])，通不到其他主机；这没有影响，因为进程使用通往 --master-addr 的网卡"), values)
    }
    return .ok(
      "host-name",
      Phrase(
        en: "\(hostName) is \(hostAddresses.joined(separator: ", "))",
        zh: "\(hostName) 的地址是 \(hostAddresses.joined(separator: "、"))"), values)
  }

  private var master: Finding? {
    guard isMasterUnknown, let name = variables["MASTER_ADDR"] else { return nil }
    let set = Self.ofLauncher.compactMap { name in variables[name].map { "\(name)=\($0)" } }.joined(separator: ", ")
    return .problem(
      "master-address",
      Phrase(
        en: "MASTER_ADDR is \(name), which has no address here, so the ranks cannot meet (\(set))",
        zh: "MASTER_ADDR 是 \(name)，在这里解析不到地址，因此各 rank 无法会合（\(set)）"),
      remedy: Phrase(
        en: "if these variables are left over from another job: \(Self.unsetting). If a launcher set them, name rank "
          + "0's host by a name or an address that all hosts know",
        zh: "如果这些变量是别的作业留下的：\(Self.unsetting)。如果是启动器设置的，请用所有主机都认识的名字或地址指定 rank 0 "
          + "所在的主机"))
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
        "interfaces",
        Phrase(
          en: "no network but this machine's own; several hosts cannot train together from here",
          zh: "只有本机自己的网络，从这里不能多主机训练"), values)
    }
    // Addresses of version 6 that only hold on the wire say nothing to anybody.
    let list = outside.map { interface in
      ([interface.name] + interface.addresses.filter { !$0.hasPrefix("fe80:") }.prefix(2)).joined(separator: " ")
    }
    return .ok(
      "interfaces",
      Phrase(en: "network: " + list.joined(separator: "; "), zh: "网络：" + list.joined(separator: "；")), values)
  }

  /// What to do about a name that no interface has.
  private var renaming: Phrase {
    let names = interfaces.map(\.name)
    return Phrase(
      en: "unset it, or name one of: \(names.joined(separator: ", "))",
      zh: "unset 这个变量，或改为其中之一：\(names.joined(separator: "、"))")
  }

  private var glooInterface: Finding? {
    guard let name = variables["GLOO_SOCKET_IFNAME"], !interfaces.contains(where: { $0.name == name }) else {
      return nil
    }
    return .problem(
      "gloo-interface",
      Phrase(
        en: "GLOO_SOCKET_IFNAME is \(name), but no such interface is up",
        zh: "GLOO_SOCKET_IFNAME 是 \(name)，但没有启用这样的网卡"), remedy: renaming)
  }

  private var ncclInterface: Finding? {
    if let pattern = variables["NCCL_SOCKET_IFNAME"] {
      guard !interfaces.contains(where: { Self.matches($0.name, pattern) }) else { return nil }
      return .problem(
        "nccl-interface",
        Phrase(
          en: "NCCL_SOCKET_IFNAME is \(pattern), which matches no interface that is up: NCCL cannot connect",
          zh: "NCCL_SOCKET_IFNAME 是 \(pattern)，与任何已启用的网卡都不匹配：NCCL 无法连接"), remedy: renaming)
    }
    let outside = interfaces.filter { !$0.isLoopback }
    // NCCL itself passes over lo and docker…, and takes whatever else there is.
    let misleading = outside.filter { $0.isVirtual && !$0.name.hasPrefix("docker") }
    let real = outside.filter { !$0.isVirtual }
    guard deviceCount > 0, !misleading.isEmpty, let first = real.first else { return nil }
    let names = misleading.map(\.name)
    return .warning(
      "nccl-interface",
      Phrase(
        en:
          "NCCL may try \(names.joined(separator: ", ")), which leads only to guests of this host, and then fail to reach "
          + "other hosts",
        zh: "NCCL 可能会使用 \(names.joined(separator: "、"))，而它只通往本机的虚拟机或容器，这样就连不上其他主机"),
      remedy: Phrase(
        en: "for several hosts: export NCCL_SOCKET_IFNAME=\(first.name)",
        zh: "多主机训练时：export NCCL_SOCKET_IFNAME=\(first.name)"))
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
      "environment",
      Phrase(
        en: "\(set): set here, though no launcher started this process", zh: "\(set)：已设置，但本进程不是由启动器启动的"),
      remedy: Phrase(
        en: "an operator of Kubernetes sets such variables on purpose. If they are left from another job, then "
          + "unset \(all.joined(separator: " ")): a run that you start would take itself for a part of that one",
        zh: "Kubernetes 的 operator 会有意设置这些变量。如果是别的作业留下的，请 unset \(all.joined(separator: " "))，"
          + "否则在这里启动的训练会以为自己属于那个作业"))
  }

  /// Settings that are often left over from a search for an error.
  private var ncclSettings: Finding? {
    guard deviceCount > 0 else { return nil }
    let slow = ["NCCL_P2P_DISABLE", "NCCL_SHM_DISABLE", "NCCL_IB_DISABLE"].filter { variables[$0] == "1" }
    guard !slow.isEmpty else { return nil }
    let settings = slow.map { $0 + "=1" }
    return .warning(
      "nccl-settings",
      Phrase(
        en: "\(settings.joined(separator: ", ")) disables a fast connection between GPUs",
        zh: "\(settings.joined(separator: "、")) 关闭了 GPU 之间的快速连接"),
      remedy: Phrase(
        en: "unset \(slow.joined(separator: " ")), unless NCCL does not work without it",
        zh: "除非不这样设置 NCCL 就不能工作，否则 unset \(slow.joined(separator: " "))"))
  }
}
