import OrderedJSON
import ProgramSupport
import Testing

@Suite("bench: speed, as numbers")
struct BenchTests {
  @Test("Rates and the utilisation come as one JSON object")
  func figures() async throws {
    let arguments = [
      "bench", "--shape", "minimind2-small", "--steps", "1", "--batch-size", "1", "--prefix-tokens", "8",
      "--tail-tokens", "4", "--threads", "1", "--json",
    ]
    let figures = try JSON(parsing: try await Program.succeed(arguments, in: Workspace()).output)
    for name in ["pairs_per_second", "tokens_per_second", "gflops", "peak_gflops", "utilization", "peak_memory_bytes"] {
      #expect((figures[name]?.double ?? 0) > 0, "\(name)")
    }
  }

  @Test("The parts of a step's time add up to all of it")
  func parts() async throws {
    let arguments = [
      "bench", "--shape", "minimind2-small", "--steps", "1", "--batch-size", "1", "--prefix-tokens", "8",
      "--tail-tokens", "4", "--threads", "1", "--json",
    ]
    let figures = try JSON(parsing: try await Program.succeed(arguments, in: Workspace()).output)
    let shares = (figures.object ?? [:]).filter { $0.key.hasPrefix("share/") }.compactMap(\.value.double)
    #expect(shares.count == 6)
    #expect(abs(shares.reduce(0, +) - 1) < 1e-9)
  }

  @Test("Micro-batches are as large as is found best, or as is said, over accumulated batches as well")
  func microBatches() async throws {
    for (given, isRight) in [("auto", { $0 >= 16 }), ("20", { $0 == 20 })] as [(String, (Int) -> Bool)] {
      let arguments = [
        "bench", "--shape", "minimind2-small", "--steps", "1", "--batch-size", "2", "--accumulation-steps", "2",
        "--prefix-tokens", "8", "--tail-tokens", "4", "--threads", "1", "--micro-batch-tokens", given, "--json",
      ]
      let figures = try JSON(parsing: try await Program.succeed(arguments, in: Workspace()).output)
      #expect(figures["micro_batch_tokens"]?.int.map(isRight) == true, "\(given)")
    }
    try await expect(
      Program.run(["bench", "--micro-batch-tokens", "0"], in: Workspace()), code: 64, says: "--micro-batch-tokens")
  }

  @Test("--scaling measures one process and two on the same pairs")
  func scaling() async throws {
    let arguments = [
      "bench", "--scaling", "2", "--rounds", "1", "--shape", "minimind2-small", "--steps", "1", "--batch-size", "1",
      "--prefix-tokens", "8", "--tail-tokens", "4", "--threads", "1", "--json",
    ]
    let figures = try JSON(parsing: try await Program.succeed(arguments, in: Workspace()).output)
    let rows = try #require(figures["scaling"]?.array)
    #expect(rows.compactMap { $0["processes"]?.int } == [1, 2])
    #expect(rows[0]["efficiency"]?.double == 1)
    for name in ["tokens_per_second", "efficiency", "matrix_product_efficiency", "exposed_communication"] {
      #expect((rows[1][name]?.double ?? 0) > 0, "\(name)")
    }
  }

  @Test("--scaling starts its processes itself, and refuses to be started in several")
  func scalingUnderLaunch() async throws {
    try await expect(
      Program.run(
        ["launch", "--nproc-per-node", "2", "bench", "--scaling", "2", "--threads", "1"], in: Workspace()),
      code: 64, says: "--scaling starts its processes itself")
  }

  @Test("--scaling wants to know the threads of a process")
  func scalingNeedsThreads() async throws {
    try await expect(
      Program.run(["bench", "--scaling", "2"], in: Workspace()), code: 64, says: "--threads")
  }
}
