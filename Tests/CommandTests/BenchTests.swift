import OrderedJSON
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
}
