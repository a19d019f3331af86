import Foundation
import Launcher
import Observability

extension NetworkFacts {
  /// - Parameters:
  ///   - isStarted: whether a launcher started this process together with others
  ///   - deviceCount: GPUs of this machine
  static func gathered(_ environment: [String: String], isStarted: Bool, deviceCount: Int) -> NetworkFacts {
    var facts = NetworkFacts()
    facts.hostName = SystemInfo().hostName
    facts.hostAddresses = addresses(of: facts.hostName)
    facts.interfaces = interfacesThatAreUp()
    let others: Set = ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GLOO_SOCKET_IFNAME"]
    facts.variables = environment.filter { name, value in
      guard !value.isEmpty else { return false }
      return others.contains(name)
        || ["MASTER_", "TORCHELASTIC_", "PET_", "NCCL_"].contains { name.hasPrefix($0) }
    }
    facts.isStarted = isStarted
    if isStarted, let master = environment["MASTER_ADDR"], !master.isEmpty {
      facts.isMasterUnknown = LongWait.reported(
        { seconds in
          let words = Phrase(
            en: "notice: waiting for the address of \(master) (MASTER_ADDR), \(seconds) s so far",
            zh: "notice: 等待 \(master)（MASTER_ADDR）的地址，已 \(seconds) 秒")
          Console.standardError.print(words.text)
        },
        during: { addresses(of: master).isEmpty })
    }
    facts.deviceCount = deviceCount
    facts.port = tryPort()
    if let socket = try? ListeningSocket.everywhere(port: facts.meetingPort) {
      close(socket.descriptor)
    } else {
      facts.meetingPortOwner = words(of: PortOwner.of(port: facts.meetingPort))
    }
    return facts
  }

  private static func words(of owner: PortOwner) -> Phrase {
    switch owner {
    case .process(let number, let name): Phrase(en: owner.description, zh: "进程 \(number)（\(name)）")
    case .elsewhere: Phrase(en: owner.description, zh: "另一个网络命名空间或容器中的进程")
    case .otherUser: Phrase(en: owner.description, zh: "另一个用户的进程（以 root 运行 ss -ltnp 查看）")
    }
  }

  /// Listens on a free port and connects to it.
  private static func tryPort() -> Port {
    do {
      let socket = try ListeningSocket.local()
      defer { close(socket.descriptor) }
      var address = sockaddr_storage()
      var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let descriptor = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address -> Int32 in
          guard getsockname(socket.descriptor, address, &size) == 0 else { return -1 }
          let descriptor = Foundation.socket(Int32(address.pointee.sa_family), Int32(SOCK_STREAM.rawValue), 0)
          guard descriptor >= 0, connect(descriptor, address, size) != 0 else { return descriptor }
          let reason = errno
          close(descriptor)
          errno = reason
          return -1
        }
      }
      guard descriptor >= 0 else { return .fails(String(cString: strerror(errno))) }
      close(descriptor)
      return .works
    } catch {
      return .fails("\(error)")
    }
  }

  private static func addresses(of host: String) -> [String] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var found: [String] = []
    var next = list
    while let entry = next?.pointee {
      if let address = entry.ai_addr, let text = text(address, entry.ai_addrlen), !found.contains(text) {
        found.append(text)
      }
      next = entry.ai_next
    }
    return found
  }

  private static func interfacesThatAreUp() -> [Interface] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var found: [Interface] = []
    var next = list
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard let address = entry.ifa_addr, entry.ifa_flags & UInt32(IFF_UP) != 0 else { continue }
      let size: Int
      switch Int32(address.pointee.sa_family) {
      case AF_INET: size = MemoryLayout<sockaddr_in>.size
      case AF_INET6: size = MemoryLayout<sockaddr_in6>.size
      default: continue
      }
      guard let text = text(address, socklen_t(size)) else { continue }
      let name = String(cString: entry.ifa_name)
      if let index = found.firstIndex(where: { $0.name == name }) {
        found[index].addresses.append(text)
      } else {
        found.append(Interface(name, [text]))
      }
    }
    return found
  }

  private static func text(_ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> String? {
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    guard getnameinfo(address, size, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0 else { return nil }
    return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
