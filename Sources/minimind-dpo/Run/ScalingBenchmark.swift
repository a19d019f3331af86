import Foundation
import Launcher
import Observability
import OrderedCollections
import OrderedJSON

/// `bench --scaling`: one process and several on the same pairs, in turns, so that whatever else the machine does meets
/// them alike.
///
/// Weak efficiency is tokens/s of N processes over N times those of one, taken in each round; what is told is the median.
struct ScalingBenchmark {
  /// What is measured.
  struct Request {
    /// The most processes.
    var largest: Int
    /// How often each number of processes has its turn.
    var rounds: Int
    /// Steps of the largest number of processes; fewer processes take more, so that the pairs are the same.
    var steps: Int
    /// The name of the model's shape.
    var model: String
    /// Threads of each process.
    var threads: Int
    /// The options of `bench` for every process, but for its steps.
    var arguments: [String]
    /// Whether one JSON object is printed instead of a table.
    var printsJSON: Bool
  }

  private let request: Request
  private let counts: [Int]

  init(_ request: Request) {
    self.request = request
    // 1, 2, 4 … and the largest itself.
    var counts = Array(sequence(first: 1) { $0 * 2 < request.largest ? $0 * 2 : nil })
    counts.append(request.largest)
    self.counts = counts
  }

  func run() throws {
    var rounds: [[Int: JSON]] = []
    for round in 1...request.rounds {
      var results: [Int: JSON] = [:]
      // The order turns round, so that no number of processes always comes first.
      for count in round.isMultiple(of: 2) ? counts.reversed() : counts {
        results[count] = try measure(count)
        Console.standardError.print("round \(round)/\(request.rounds), \(count) × : \(summary(results[count]))")
      }
      rounds.append(results)
    }
    report(rounds)
  }

  /// One measurement with `count` processes, which take as many steps as make the pairs the same.
  private func measure(_ count: Int) throws -> JSON {
    let most = counts.last ?? 1
    let steps = request.steps * most / count
    let output = Pipe()
    let arguments = ["--nproc-per-node", "\(count)", "bench", "--json", "--steps", "\(steps)"] + request.arguments
    let code = try LaunchedJob(arguments)?.run(output: output.fileHandleForWriting.fileDescriptor) ?? EX_SOFTWARE
    try output.fileHandleForWriting.close()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    guard code == 0 else {
      throw Failure(.internal, "bench with \(count) processes ended with exit code \(code); see above.")
    }
    return try JSON(parsing: bytes)
  }

  private func summary(_ figures: JSON?) -> String {
    func number(_ name: String) -> String { HumanText.short(figures?[name]?.double ?? .nan) }
    return
      "\(number("tokens_per_second")) tokens/s, \(number("pairs_per_second")) pairs/s, exposed communication "
      + "\(HumanText.percent(figures?["share/communication"]?.double ?? 0)), matmuls at \(number("peak_gflops")) GFLOP/s"
  }

  private func keep(_ rows: [JSON]) {
    var efficiencies: OrderedDictionary<Int, Double> = [:]
    for row in rows {
      if let count = row["processes"]?.int, let value = row["efficiency"]?.double { efficiencies[count] = value }
    }
    ScalingRecord.write(efficiencies, model: request.model, threads: request.threads)
  }

  private func report(_ rounds: [[Int: JSON]]) {
    func values(_ count: Int, _ name: String) -> [Double] { rounds.compactMap { $0[count]?[name]?.double } }
    var rows: [JSON] = []
    for count in counts {
      let ratios = rounds.compactMap { round -> Double? in
        guard let many = round[count]?["tokens_per_second"]?.double, let one = round[1]?["tokens_per_second"]?.double
        else { return nil }
        return many / (Double(count) * one)
      }
      let peaks = rounds.compactMap { round -> Double? in
        guard let many = round[count]?["peak_gflops"]?.double, let one = round[1]?["peak_gflops"]?.double else {
          return nil
        }
        return many / (Double(count) * one)
      }
      rows.append([
        "processes": .integer(count), "tokens_per_second": .number(median(values(count, "tokens_per_second"))),
        "pairs_per_second": .number(median(values(count, "pairs_per_second"))),
        "efficiency": .number(median(ratios)), "efficiency_least": .number(ratios.min() ?? .nan),
        "efficiency_greatest": .number(ratios.max() ?? .nan),
        "exposed_communication": .number(median(values(count, "share/communication"))),
        "exchange_seconds": .number(median(values(count, "exchange_seconds"))),
        "matrix_product_efficiency": .number(median(peaks)),
      ])
    }
    keep(rows)
    if request.printsJSON {
      return Output.line(JSON.object(["rounds": .integer(rounds.count), "scaling": .array(rows)]).serialized(.python))
    }
    Output.line("processes  tokens/s  pairs/s  efficiency (least … greatest)  exposed communication  products alone")
    for row in rows {
      func text(_ name: String, _ width: Int, _ form: (Double) -> String) -> String {
        let text = form(row[name]?.double ?? .nan)
        return String(repeating: " ", count: max(0, width - text.count)) + text
      }
      Output.line(
        text("processes", 9) { "\(Int($0))" } + text("tokens_per_second", 10, HumanText.short)
          + text("pairs_per_second", 9, HumanText.short) + text("efficiency", 12) { HumanText.fixed($0, 3) }
          + " (" + text("efficiency_least", 0) { HumanText.fixed($0, 3) } + " … "
          + text("efficiency_greatest", 0) { HumanText.fixed($0, 3) } + ")"
          + text("exposed_communication", 20) { HumanText.percent($0) }
          + text("matrix_product_efficiency", 16) { HumanText.fixed($0, 3) })
    }
    Output.line(
      "\nThe last column is what bare matmuls lose when all processes multiply at once: they share memory, caches and clock. "
        + "No training can lose less.")
  }

  private func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
