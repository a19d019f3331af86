import Foundation
import OrderedJSON
import ProgramSupport
import Testing

@Suite("doctor: a line for each check, with its remedy")
struct DoctorTests {
  let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// Runs `doctor` with variables of the environment set, or with `-u NAME` unset.
  private func doctor(_ variables: [String] = [], _ options: String...) async throws -> Program.Outcome {
    // What the tests themselves are started with must not be found.
    let clean = [
      "MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "CUDA_VISIBLE_DEVICES",
    ].flatMap { ["-u", $0] }
    return try await Program.run(
      clean + variables + [Program.executable.path, "doctor"] + options, in: workspace,
      program: URL(fileURLWithPath: "/usr/bin/env"))
  }

  private func findings(_ outcome: Program.Outcome) throws -> [String: JSON] {
    let report = try JSON(parsing: outcome.output)
    let list = try #require(report["findings"]?.array)
    return Dictionary(list.map { ($0["check"]?.string ?? "", $0) }, uniquingKeysWith: { $1 })
  }

  @Test("It checks everything, lets two processes exchange numbers, and prints to standard output")
  func lines() async throws {
    let outcome = try await doctor(["LD_LIBRARY_PATH="])
    // On a machine with a GPU the CPU build of LibTorch may be a problem.
    #expect(outcome.code == 0 || outcome.code == 69)
    // A busy machine may be slow, which is then said.
    #expect(outcome.messages.split(separator: "\n").allSatisfy { $0.contains("waiting for") }, "\(outcome.messages)")
    for word in ["LibTorch", "cores", "memory", "disk", "open files", "TCP ports", "Gloo", "bus bandwidth"] {
      #expect(outcome.output.contains(word), "\(word)")
    }
    #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 110 || !$0.dropFirst(11).contains(" ") })
  }

  @Test("In Chinese, by --lang or by the locale: everything that it says, while what programs read stays")
  func inChinese() async throws {
    let outcome = try await doctor([], "--lang", "zh")
    #expect(outcome.code == 0 || outcome.code == 69)
    for word in ["程序与处理器", "内存与磁盘", "网络", "进程", "正常", "总线带宽"] { #expect(outcome.output.contains(word), "\(word)") }
    #expect(!outcome.output.hasEnglishSentence, "\(outcome.output)")
    let located = try await doctor(["LC_ALL=zh_CN.UTF-8"], "--json", "--nproc-per-node", "1")
    #expect(try findings(located)["ports"]?["text"]?.string?.hasPrefix("processes of this machine") == true)
    let broken = try await doctor(["LC_ALL=zh_CN.UTF-8", "RANK=5", "WORLD_SIZE=2"], "--nproc-per-node", "1")
    #expect(broken.code == 69 && broken.output.contains("如果本进程不是由启动器启动的"), "\(broken.output)")
  }

  @Test("--json prints the same as one object, with the numbers")
  func json() async throws {
    let outcome = try await doctor([], "--json", "--nproc-per-node", "3")
    let found = try findings(outcome)
    let exchange = try #require(found["all-reduce"])
    #expect(exchange["values"]?["processes"]?.int == 3)
    #expect((exchange["values"]?["bus_bandwidth"]?.double ?? 0) > 0)
    #expect((found["memory"]?["values"]?["available_bytes"]?.int ?? 0) > 0)
    #expect(found["ports"]?["verdict"]?.string == "ok")
    // Also where the list of loaded libraries is long, as it is with those of CUDA.
    #expect(found["libtorch"]?["text"]?.string?.contains("in /") == true)
  }

  @Test("Variables left over from a launcher are named, with how to unset them")
  func leftovers() async throws {
    let found = try findings(
      try await doctor(["MASTER_ADDR=node0", "WORLD_SIZE=1"], "--json", "--nproc-per-node", "1"))
    #expect(found["environment"]?["verdict"]?.string == "warning")
    #expect(found["environment"]?["remedy"]?.string?.contains("unset WORLD_SIZE MASTER_ADDR") == true)
    #expect(found["all-reduce"] == nil)
  }

  @Test(
    "The whole contract of a launcher, left over from another job: whichever rank it names, the report says so",
    arguments: [0, 1])
  func leftOverRank(rank: Int) async throws {
    let variables = [
      "RANK=\(rank)", "WORLD_SIZE=2", "LOCAL_RANK=\(rank)", "LOCAL_WORLD_SIZE=2", "MASTER_ADDR=no-such-host.invalid",
      "MASTER_PORT=29500",
    ]
    let outcome = try await doctor(variables, "--nproc-per-node", "1")
    #expect(outcome.code == 69)
    let text = outcome.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(text.contains("MASTER_ADDR is no-such-host.invalid, which has no address here"), "\(outcome.output)")
    #expect(text.contains("RANK=\(rank)") && text.contains("unset RANK WORLD_SIZE"), "\(outcome.output)")
  }

  @Test("A contradictory environment is a problem, with its exit code")
  func broken() async throws {
    let outcome = try await doctor(["RANK=5", "WORLD_SIZE=2"], "--nproc-per-node", "1")
    #expect(outcome.code == 69)
    #expect(outcome.output.contains("problem") && outcome.output.contains("RANK"))
  }

  @Test(
    "A driver's GPUs are listed, and that this LibTorch cannot use them is a problem with its remedy",
    .enabled(if: !FileManager.default.fileExists(atPath: "/proc/driver/nvidia/version"), "a real driver is here"),
    .enabled(if: FakeNVML.canBeMade, "no C compiler"))
  func gpus() async throws {
    let fake = try FakeNVML("PEER_STATUS=4")
    let outcome = try await doctor(
      ["LD_LIBRARY_PATH=\(fake.folder.path)", "CUDA_VISIBLE_DEVICES=1,7"], "--nproc-per-node", "1")
    #expect(outcome.code == 69)
    for words in [
      "NVIDIA driver 580.65.06, CUDA up to 13.0", "GPU 1: NVIDIA H100 80GB HBM3", "compute capability 9.0",
      "slowed down: heat", "\"7\" names none", "GPU 0 and GPU 1 do not reach each other's memory", "3 memory errors",
    ] {
      #expect(outcome.output.contains(words), "\(words)")
    }
  }

  @Test("Started in several processes, it measures between those, and one of each host prints")
  func job() async throws {
    let outcome = try await Program.run("launch", "--nproc-per-node", "2", "doctor", in: workspace)
    #expect(outcome.output.components(separatedBy: "is this machine ready").count == 2)
    #expect(outcome.output.contains("between 2 processes on this host"))
  }

  @Test("launch --lang zh: the launcher and its workers speak Chinese")
  func jobInChinese() async throws {
    let outcome = try await Program.run("launch", "--lang", "zh", "--nproc-per-node", "2", "doctor", in: workspace)
    #expect(outcome.messages.contains("launch: 本机 2 个工作进程"), "\(outcome.messages)")
    #expect(outcome.output.contains("这台机器能训练吗？") && outcome.output.contains("本机的 2 个进程之间"), "\(outcome.output)")
  }

  @Test("An impossible number of processes: exit code 64")
  func usage() async throws {
    expect(try await doctor([], "--nproc-per-node", "0"), code: 64, says: "--nproc-per-node")
  }
}
