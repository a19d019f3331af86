import Foundation
import ProgramSupport
import Testing

extension BusyJobs {
  @Suite("Jobs beside each other on one machine")
  struct CrowdTests {
    let site: JobSite

    init() async throws { site = try await JobSite(pairs: 12) }

    @Test("Twenty launches at once all start, and train the same")
    func twenty() async throws {
      var jobs: [StartedProcess] = []
      for number in 1...20 {
        jobs.append(
          try await site.launch(
            train("--max-steps", "2", "--learning-rate", "1e-3", output: "out-\(number)"), named: "job-\(number)"))
      }
      for job in jobs { try await job.succeeds() }
      let weights = try site.workspace.bytes("out-1/model.safetensors")
      for number in 2...20 {
        #expect(try site.workspace.bytes("out-\(number)/model.safetensors") == weights)
      }
    }

    @Test("A port that is taken: the message names its owner")
    func takenPort() async throws {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(descriptor) }
      let port = try #require(boundPort(descriptor))
      #expect(listen(descriptor, 1) == 0)
      let owner = "process \(getpid()) ("
      let launch = try await site.launch(train(), options: ["--master-port", "\(port)"])
      expect(try await launch.outcome(), code: 69, says: "port \(port) is taken by \(owner)", "--master-port")

      let rank = try await site.start(
        train(),
        environment: ["MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)", "WORLD_SIZE": "2", "RANK": "0"])
      expect(try await rank.outcome(), code: 69, says: "port \(port) (MASTER_PORT)", "\(owner)")
      #expect(!site.workspace.exists("out"))
    }
  }
}
