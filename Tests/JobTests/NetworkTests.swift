import Foundation
import ProgramSupport
import Testing

extension WaitingJobs {
  @Suite("Two hosts", .enabled(if: TwoHosts.canBeMade, TwoHosts.cannotBeMade))
  struct NetworkTests {
    let site: JobSite

    init() async throws {
      site = try JobSite()
      try await TinyModel.make(in: site.workspace)
    }

    private func short(output: String) -> [String] {
      train(
        "--batch-size", "4", "--max-steps", "12", "--learning-rate", "1e-3", data: Checkout.demo("train.jsonl"),
        output: output)
    }

    /// Starts a launcher with a rank on each host.
    ///
    /// - Parameter options: by node
    private func launch(
      _ training: [String], on hosts: TwoHosts, _ options: (Int) -> [String]
    ) async throws -> [StartedProcess] {
      var launchers: [StartedProcess] = []
      for node in 0..<2 {
        let words = [Program.executable.path, "launch", "--nnodes", "2"] + options(node) + training
        launchers.append(
          try await site.start(hosts.words(on: node, words), program: TwoHosts.program, named: "node-\(node)"))
      }
      return launchers
    }

    /// Node 0 is told that it is, and all where it is.
    private static func told(_ node: Int) -> [String] {
      ["--node-rank", "\(node)", "--master-addr", TwoHosts.addresses[0], "--master-port", "29611"]
    }

    /// The nodes find out who is who.
    private static func found(_ node: Int) -> [String] {
      ["--rdzv-backend", "c10d", "--rdzv-endpoint", TwoHosts.addresses[0] + ":29612", "--rdzv-id", "job"]
    }

    /// Kills a launcher, and all processes of the site on its host.
    private func killAll(besides launcher: StartedProcess) {
      func network(_ process: Int32) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/net")
      }
      let own = network(launcher.id)
      for process in site.processes where network(process.id) == own { kill(process.id, SIGKILL) }
    }

    /// Starts an endless run on both, and waits until it is well under way.
    private func launchEndless(on hosts: TwoHosts) async throws -> [StartedProcess] {
      let launchers = try await launch(endless(), on: hosts, Self.told)
      try await eventually("they train", details: { launchers.map(\.messages).joined() }) {
        launchers.contains { $0.messages.contains("train step 10/") }
      }
      return launchers
    }

    private func expectSameAsOnOneHost(_ launchers: [StartedProcess]) async throws {
      for launcher in launchers { try await launcher.succeeds() }
      try await site.launch(short(output: "one-host"), named: "one-host").succeeds()
      let weights = try site.workspace.bytes("out/model.safetensors")
      #expect(try weights == site.workspace.bytes("one-host/model.safetensors"))
    }

    @Test(
      "Told their numbers or not, with host names that lead to 127.0.0.1 or without: they train, with the bits of one host",
      arguments: [false, true], [false, true])
    func trains(named: Bool, isTold: Bool) async throws {
      let hosts = try TwoHosts(named: named)
      let launchers = try await launch(short(output: "out"), on: hosts) { isTold ? Self.told($0) : Self.found($0) }
      try await expectSameAsOnOneHost(launchers)
      let messages = launchers.map(\.messages).joined()
      #expect(messages.contains("back end gloo over 10.77.0."), "\(messages)")
      if named {
        for name in hosts.names { #expect(messages.contains(": host-\(name), process"), "\(messages)") }
      }
    }

    @Test(
      "A slow and lossy network: the same bits", .enabled(if: TwoHosts.canBeSlow, TwoHosts.cannotBeSlow))
    func slow() async throws {
      let hosts = try TwoHosts()
      try hosts.impair()
      try await expectSameAsOnOneHost(try await launch(short(output: "out"), on: hosts, Self.told))
      #expect(try hosts.lostPackets() > 0)
    }

    @Test("The cable is pulled out in the middle: both sides stop, and name the other")
    func linkDown() async throws {
      let hosts = try TwoHosts()
      let launchers = try await launchEndless(on: hosts)
      try hosts.unplug()
      try await site.hasNoWorkers()
      for (node, launcher) in launchers.enumerated() {
        let outcome = try await launcher.outcome()
        #expect(outcome.code == 69, "\(outcome.status)\n\(outcome.messages)")
        #expect(outcome.messages.contains("node \(1 - node)"), "\(outcome.messages)")
      }
    }

    @Test("The host of the store dies: the other stops with the cause")
    func storeHostDies() async throws {
      let hosts = try TwoHosts()
      let launchers = try await launchEndless(on: hosts)
      // A host that dies says nothing any more, not even that its connections are closed.
      try hosts.unplug()
      killAll(besides: launchers[0])
      let outcome = try await launchers[1].outcome()
      #expect(site.workers.isEmpty)
      #expect(outcome.code == 69, "\(outcome.status)\n\(outcome.messages)")
      #expect(outcome.messages.contains("lost node 0"), "\(outcome.messages)")
    }

    @Test("The processes of the store's host are killed: the other stops with the cause")
    func storeKilled() async throws {
      let hosts = try TwoHosts()
      let launchers = try await launchEndless(on: hosts)
      killAll(besides: launchers[0])
      let outcome = try await launchers[1].outcome()
      #expect(outcome.code == 69, "\(outcome.status)\n\(outcome.messages)")
      #expect(outcome.messages.contains("lost node 0"), "\(outcome.messages)")
      #expect(site.workers.isEmpty)
    }
  }
}
