import Foundation
import ProgramSupport
import Testing

extension WaitingJobs {
  @Suite("Jobs on a machine that others use too")
  struct StrangerTests {
    let site: JobSite

    init() async throws {
      site = try JobSite()
      try await TinyModel.make(in: site.workspace)
      try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: false)
    }

    /// The folder for temporary files.
    private var temporary: String { site.workspace.path("tmp") }

    private func short(_ output: String) -> [String] {
      train(
        "--batch-size", "4", "--max-steps", "30", "--learning-rate", "1e-3", data: Checkout.demo("train.jsonl"),
        output: output)
    }

    /// Where a job meets, as its launcher says.
    private func port(of job: StartedProcess) async throws -> Int {
      try await job.says("they meet at 127.0.0.1:")
      let words = try #require(job.messages.firstMatch(of: /they meet at 127\.0\.0\.1:(\d+)/))
      return try #require(Int(words.1))
    }

    @Test("Processes that are all on one machine listen on its loopback interface only")
    func loopback() async throws {
      let job = try await site.launch(endless())
      try await job.says("train step 10/")
      let sockets = Set(site.processes.flatMap { Listener.sockets(of: $0.id) })
      let listeners = Listener.all.filter { sockets.contains($0.socket) }
      #expect(!listeners.isEmpty)
      for listener in listeners {
        #expect(listener.isLoopback, "a process of the job listens at \(listener.address)")
      }
      job.send(SIGTERM)
      #expect(try await job.outcome().code == 75)
    }

    @Test("Bytes of strangers at the port of the store change nothing")
    func noise() async throws {
      try await site.launch(short("undisturbed"), named: "undisturbed").succeeds()
      let job = try await site.launch(short("out"))
      let port = try await port(of: job)
      var generator = SystemRandomNumberGenerator()
      var sent = 0
      while job.isRunning {
        let noise: [UInt8] =
          switch sent % 3 {
          case 0: (0..<1000).map { _ in UInt8.random(in: 0...255, using: &generator) }
          case 1: Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
          // Lengths beyond all measure, as the store's own messages begin.
          default: [UInt8](repeating: 0xFF, count: 64)
          }
        if Listener.send(noise, to: port) { sent += 1 }
        try await Task.sleep(for: .milliseconds(5))
      }
      #expect(sent > 3)
      try await job.succeeds()
      let weights = try site.workspace.bytes("out/model.safetensors")
      #expect(try weights == site.workspace.bytes("undisturbed/model.safetensors"))
    }

    @Test("A stranger's rank without the token of the job is nobody to it, though it comes first")
    func token() async throws {
      let site = site
      let job = try await site.launch(
        ["/bin/sh", "-c", "[ $RANK = 0 ] || while [ ! -e go ]; do sleep 0.05; done; exec \"$0\" \"$@\""]
          + [Program.executable.path] + short("out"),
        options: ["--no-python", "--rdzv-id", "job"])
      let port = try await port(of: job)
      let stranger = try await site.start(
        short("strange"),
        environment: [
          "RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
          "MASTER_PORT": "\(port)", "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RUN_ID": "job",
          "MINIMIND_DPO_JOB_TOKEN": "a guess",
        ], named: "stranger")
      // It waits for a rank 0 of its own job, and rank 0 of this one for rank 1.
      try await stranger.says("waiting for rank 0")
      try await job.says("waiting for rank 1")
      try site.workspace.write("", to: "go")
      try await job.succeeds()
      #expect(stranger.isRunning, "\(stranger.messages)")
      #expect(!site.workspace.exists("strange"))
      stranger.send(SIGKILL)
    }

    @Test("What a killed launcher left among temporary files only its user can read, and a later one removes it")
    func leftovers() async throws {
      let job = try await site.launch(endless(), environment: ["TMPDIR": temporary])
      try await job.says("train step 10/")
      job.send(SIGKILL)
      try await site.hasNoWorkers()
      let left = site.workspace.names(in: "tmp")
      let folder = try #require(left.first { $0.hasPrefix("minimind-dpo-tmp-") })
      let path = temporary + "/" + folder
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o700)
      // One that was made a moment ago might be a living launcher's.
      try FileManager.default.setAttributes([.modificationDate: Date() - 120], ofItemAtPath: path)
      let later = train("--max-steps", "1", data: Checkout.demo("train.jsonl"), output: "later")
      try await site.launch(later, environment: ["TMPDIR": temporary], named: "later").succeeds()
      #expect(!site.workspace.names(in: "tmp").contains { $0.hasPrefix("minimind-dpo-tmp-") })
    }

    @Test("Processes meet through a folder that only their user can write to, or not at all")
    func meetingFolder() async throws {
      func ranks(_ name: String) async throws -> [StartedProcess] {
        var started: [StartedProcess] = []
        for rank in 0..<2 {
          started.append(
            try await site.start(
              train("--max-steps", "1", data: Checkout.demo("train.jsonl"), output: name),
              environment: [
                "TMPDIR": temporary, "OMPI_COMM_WORLD_RANK": "\(rank)", "OMPI_COMM_WORLD_SIZE": "2",
                "OMPI_COMM_WORLD_LOCAL_RANK": "\(rank)", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
              ], named: "\(name)-\(rank)"))
        }
        return started
      }
      for rank in try await ranks("private") { try await rank.succeeds() }
      let folder = "\(temporary)/minimind-dpo-\(getuid())"
      let mode = try FileManager.default.attributesOfItem(atPath: folder)[.posixPermissions] as? Int
      #expect(mode == 0o700)
      try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder)
      for rank in try await ranks("public") {
        expect(try await rank.outcome(), code: 69, says: "only this user can write to", folder, "TMPDIR")
      }
    }
  }
}

/// A socket of this machine that waits for connections.
private struct Listener {
  /// Address and port as the system's table has them, in hexadecimal digits.
  let address: String
  /// The number of the socket.
  let socket: String

  /// 127.0.0.0/8, ::1, or the former as an address of IPv6; the tables hold words of the machine's byte order.
  var isLoopback: Bool {
    let host = address.prefix { $0 != ":" }
    return switch host.count {
    case 8: host.hasSuffix("7F")
    default:
      host == "00000000000000000000000001000000"
        || (host.hasPrefix("0000000000000000FFFF0000") && host.hasSuffix("7F"))
    }
  }

  static var all: [Listener] {
    ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { table -> [Listener] in
      let text = String(decoding: FileManager.default.contents(atPath: table) ?? Data(), as: UTF8.self)
      return text.split(separator: "\n").dropFirst().compactMap { line in
        let fields = line.split(separator: " ").map(String.init)
        // 0A is the state of one that listens.
        return fields.count > 9 && fields[3] == "0A" ? Listener(address: fields[1], socket: fields[9]) : nil
      }
    }
  }

  /// The sockets that a process has open.
  static func sockets(of process: Int32) -> [String] {
    let folder = "/proc/\(process)/fd"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap { name in
      let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name)) ?? ""
      return target.hasPrefix("socket:[") ? String(target.dropFirst("socket:[".count).dropLast()) : nil
    }
  }

  /// Connects to a port of this machine, sends bytes and leaves.
  /// - Returns: whether something listened there
  static func send(_ bytes: [UInt8], to port: Int) -> Bool {
    let descriptor = Foundation.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let isThere = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isThere else { return false }
    return Foundation.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) >= 0
  }
}
