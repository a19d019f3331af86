import Foundation
import Launcher
import Testing

@Suite("The options of launch")
struct LaunchOptionsTests {
  private func parse(
    _ line: String, environment: [String: String] = [:], cores: Int = 6, devices: Int = 0
  ) throws -> LaunchOptions {
    let arguments = line.split(separator: " ").map(String.init)
    return try #require(
      try LaunchOptions.parse(arguments, environment: environment, cores: cores, devices: { devices }))
  }

  private func message(_ line: String, environment: [String: String] = [:], devices: Int = 0) throws -> String {
    let error = try #require(throws: LaunchError.self) { try parse(line, environment: environment, devices: devices) }
    return error.description
  }

  @Test(
    "Dashes, underscores, an equals sign, a unique beginning",
    arguments: [
      "--nproc-per-node 4", "--nproc_per_node 4", "--nproc-per-node=4", "--nproc_per_node=4", "--nproc 4", "--np=4",
    ])
  func spellings(_ spelling: String) throws {
    #expect(try parse(spelling + " train").workersPerNode == 4)
  }

  @Test("Everything of torchrun's at once")
  func everything() throws {
    let options = try parse(
      """
      --nnode 2:4 --nproc 2 --rdzv-backend c10d --rdzv_endpoint node0:29400 --rdzv-id job --rdzv-conf \
      join_timeout=20,last_call_timeout=3,is_host=0,keep_alive_interval=2,keep_alive_max_attempt=4,read_timeout=9 \
      --max-restarts 3 --monitor-interval 0.5 --shutdown-timeout 7 --local-addr me --role trainer -r 3 -t0:1,1:2 \
      --log-dir logs --local-ranks-filter 0,1 --event-log-handler null --signals-to-handle SIGTERM,SIGUSR1 \
      --no-python worker --nnodes 9 -r 1
      """.replacingOccurrences(of: "\n", with: " "))
    #expect(options.nodes == 2...4 && options.workersPerNode == 2 && options.backend == .c10d)
    #expect(options.endpoint == Endpoint(host: "node0", port: 29400) && options.runID == "job")
    #expect(
      options.joinTimeout == 20 && options.lastCallTimeout == 3 && options.isHost == false && options.patience == 8)
    #expect(options.maxRestarts == 3 && options.monitorInterval == 0.5 && options.shutdownTimeout == 7)
    #expect(options.localAddress == "me" && options.role == "trainer" && options.logFolder == "logs")
    #expect(options.redirects.has(.output, localRank: 5) && options.redirects.has(.error, localRank: 0))
    #expect(options.tee.has(.output, localRank: 0) && !options.tee.has(.error, localRank: 0))
    #expect(options.tee.has(.error, localRank: 1) && !options.tee.has(.error, localRank: 2))
    #expect(options.shownLocalRanks == [0, 1] && options.signals == ["SIGTERM", "SIGUSR1"])
    #expect(options.startsAnyProgram && options.worker == ["worker", "--nnodes", "9", "-r", "1"])
  }

  @Test("Defaults are torchrun's")
  func defaults() throws {
    let options = try parse("train")
    #expect(options.nodes == 1...1 && options.workersPerNode == 1 && options.maxRestarts == 0)
    #expect(options.endpoint == nil && options.runID == nil && options.shutdownTimeout == 30)
    #expect(options.role == "default" && options.signals == ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"])
    #expect(try parse("--nnodes 2 --node-rank 1 --master-addr a train").endpoint == Endpoint(host: "a", port: 29500))
    #expect(try parse("--master-port 1234 train").endpoint == Endpoint(host: "127.0.0.1", port: 1234))
    #expect(try parse("--standalone --rdzv-endpoint a:1 train").endpoint == nil)
    #expect(try parse("--rdzv-endpoint [::1]:77 train").endpoint == Endpoint(host: "::1", port: 77))
    #expect(try parse("--rdzv-backend c10d --rdzv-endpoint localhost:0 train").endpoint == nil)
    #expect(try parse("train", environment: ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT": "5"]).shutdownTimeout == 5)
  }

  @Test(
    "Port 0 on one node means any free port",
    arguments: [
      "--master-port 0", "--master_port=0", "--master-addr localhost --master-port 0", "--rdzv-endpoint localhost:0",
      "--rdzv-backend c10d --rdzv-endpoint localhost:0",
    ])
  func anyPort(_ line: String) throws {
    #expect(try parse(line + " train").endpoint == nil)
    #expect(try parse("train", environment: ["PET_MASTER_PORT": "0"]).endpoint == nil)
  }

  @Test(
    "Port 0 on several nodes is refused",
    arguments: [
      "--master-addr a --master-port 0", "--rdzv-endpoint a:0", "--rdzv-backend c10d --rdzv-endpoint a:0",
    ])
  func anyPortOfMany(_ line: String) throws {
    #expect(try message("--nnodes 2 \(line) train").contains("port 0 means any free port"))
  }

  @Test("PET_ variables are defaults, below the command line")
  func variables() throws {
    let environment = ["PET_NPROC_PER_NODE": "3", "PET_NNODES": "2", "PET_MASTER_ADDR": "a", "PET_NO_PYTHON": "1"]
    let options = try parse("worker", environment: environment)
    #expect(options.workersPerNode == 3 && options.nodes == 2...2 && options.startsAnyProgram)
    #expect(try parse("--nproc 5 worker", environment: environment).workersPerNode == 5)
    #expect(try !parse("worker", environment: ["PET_NO_PYTHON": "0"]).startsAnyProgram)
    #expect(try message("worker", environment: ["PET_NNODES": "x"]).contains("PET_NNODES is \"x\""))
  }

  @Test("Workers by the machine: cpu, gpu, auto")
  func byTheMachine() throws {
    #expect(try parse("--nproc cpu train", devices: 2).workersPerNode == 6)
    #expect(try parse("--nproc gpu train", devices: 2).workersPerNode == 2)
    #expect(try parse("--nproc auto train", devices: 2).workersPerNode == 2)
    #expect(try parse("--nproc auto train").workersPerNode == 6)
    #expect(try message("--nproc gpu train").contains("no CUDA device is visible"))
  }

  @Test("Two dashes end the options")
  func twoDashes() throws {
    #expect(try parse("--nproc 2 -- train --x").worker == ["train", "--x"])
  }

  @Test(
    "Mistakes are named",
    arguments: [
      ("--r train", "could be any of --rdzv-backend"), ("--frobnicate train", "no option --frobnicate. Options"),
      ("--nproc-per-nodes 2 train", "no option --nproc-per-nodes. Did you mean --nproc-per-node?"),
      ("-x train", "no option -x"), ("--nproc", "--nproc-per-node needs a value"),
      ("--rdzv-id --nproc 2 train", "--rdzv-id needs a value; --nproc is another option"),
      ("--no-python=1 x", "--no-python takes no value"), ("--nproc 0 train", "expected a number from 1 to 4096"),
      ("--nproc x train", "cpu, gpu or auto"), ("--nnodes 4:2 train", "the fewest and the most"),
      ("--nnodes 2:4 train", "a range needs --rdzv-backend c10d"),
      ("--nnodes 2 --node-rank 1 train", "--master-addr is needed"),
      ("--nnodes 2 --node-rank 2 --master-addr a train", "there are 2 nodes, numbered from 0"),
      ("--nnodes 2 --rdzv-backend c10d train", "needs --rdzv-endpoint"),
      ("--rdzv-backend etcd train", "has static and c10d"),
      ("--rdzv-endpoint a:b train", "expected host:port"), ("--rdzv-conf a=1 train", "unknown setting a"),
      ("--standalone --nnodes 2 train", "--standalone is for one node"), ("-r 4 train", "1 (stdout), 2 (stderr)"),
      ("--signals-to-handle SIGKILL train", "SIGKILL cannot be passed on"),
      ("-m train", "belongs to Python scripts"), ("--run-path x", "belongs to Python scripts"),
      ("--start-method=fork train", "belongs to Python scripts"),
      ("--virtual-local-rank train", "never changes CUDA_VISIBLE_DEVICES"),
      ("--max-restarts -1 train", "at least 0"), ("--nproc 2", "needs a command to start"),
    ])
  func wrong(_ line: String, _ words: String) throws {
    let error = try #require(throws: LaunchError.self) { try parse(line) }
    #expect(error.description.contains(words), "\(error)")
    #expect(error.code == .usage)
  }

  @Test("Help lists every option that does something, within 120 columns")
  func help() throws {
    #expect(try LaunchOptions.parse(["--nproc", "2", "--help"], environment: [:], devices: { 0 }) == nil)
    let help = LaunchOptions.help()
    for name in [
      "nproc-per-node", "nnodes", "node-rank", "master-addr", "master-port", "rdzv-backend", "rdzv-endpoint", "rdzv-id",
      "rdzv-conf", "standalone", "local-addr", "max-restarts", "monitor-interval", "shutdown-timeout", "role",
      "log-dir",
      "redirects", "tee", "local-ranks-filter", "no-python", "lang",
    ] { #expect(help.contains("--\(name)"), "\(name)") }
    #expect(help.split(separator: "\n").allSatisfy { $0.count <= 120 })
  }

  @Test("train with --nproc-per-node or --nnodes is short for launch")
  func extracting() throws {
    func extract(_ line: String) -> (launch: [String], worker: [String])? {
      LaunchOptions.extracting(from: line.split(separator: " ").map(String.init))
    }
    let short = try #require(
      extract("train --model m --nproc_per_node 4 --max-restarts=2 --standalone --beta 0.1 --log-dir logs"))
    #expect(short.launch == ["--nproc_per_node", "4", "--max-restarts=2", "--standalone", "--log-dir", "logs"])
    #expect(short.worker == ["train", "--model", "m", "--beta", "0.1"])
    let before = try #require(extract("--nnodes=2 --node-rank 1 train --model m"))
    #expect(before.launch == ["--nnodes=2", "--node-rank", "1"] && before.worker == ["train", "--model", "m"])
    #expect(extract("train --model m --role r") == nil)
    #expect(extract("launch --nproc-per-node 2 train") == nil)
  }

  @Test("The worker is a command of this program, or with --no-python any executable")
  func program() throws {
    func program(_ line: String, path: String = "/usr/bin:/bin") throws -> WorkerProgram {
      try WorkerProgram(parse(line), commands: ["train", "eval"], environment: ["PATH": path])
    }
    func message(_ line: String) throws -> String {
      try #require(throws: LaunchError.self) { try program(line) }.description
    }
    let own = try program("train --model m")
    #expect(own.arguments.dropFirst() == ["train", "--model", "m"])
    #expect(FileManager.default.isExecutableFile(atPath: own.path))
    #expect(["/usr/bin/sh", "/bin/sh"].contains(try program("--no-python sh -c true").path))
    #expect(try message("train_dpo.py --x").contains("is a Python script"))
    #expect(try message("frobnicate").contains("not a command that runs in several processes (train, eval)"))
    #expect(try message("--no-python frobnicate-it").contains("no such program"))
    #expect(try message("--no-python ./none.sh").contains("no such file"))
    #expect(try message("--no-python /etc/passwd").contains("not an executable"))
  }
}
