import ArgumentParser
import Foundation
import Launcher
import Observability
import OrderedJSON
import Torch

/// `doctor`: whether this machine can train, and what to do where it cannot.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks whether this machine can train, and names a remedy for each problem.",
    discussion: """
      LibTorch, processor, memory, disk, network, GPUs with their driver, and an all-reduce between processes of this \
      machine. Each line is ok, a warning (it works, but not well) or a problem; warnings and problems come with a remedy. The \
      exit code is 0 without a problem, else 69. Started in several processes (launch, torchrun, srun, mpirun), the all-reduce is \
      theirs, over the network that training would use, and each host prints one report.

      With --run it examines the folder of a run instead, be it finished, failed, going on or hanging: what happened, what went \
      wrong with its numbers, what cost it time, and what to do.
      """)

  @Option(
    help: ArgumentHelp(
      "Processes of the all-reduce; 1 leaves it out. Without: one for each GPU, where there are several, else 2.",
      valueName: "count"))
  var nprocPerNode: Int?
  @Option(
    name: .customLong("run"),
    help: ArgumentHelp("Examine the output folder of a run instead of this machine.", valueName: "folder"))
  var runFolder: String?
  @Flag(help: "Print one JSON object instead of lines.")
  var json = false
  @OptionGroup var config: ConfigArguments

  private static let processes = Phrase(en: "Processes", zh: "进程")

  func validate() throws {
    guard (1...1024).contains(nprocPerNode ?? 1) else {
      throw ValidationError("--nproc-per-node must be from 1 to 1024.")
    }
  }

  func run() throws {
    if let runFolder { return try examine(runFolder) }
    let environment = ProcessInfo.processInfo.environment
    if let wanted = environment[Exchange.variable], [Exchange.exchange, Exchange.gpuExchange].contains(wanted) {
      return try measureOnly(environment, onGPUs: wanted == Exchange.gpuExchange)
    }

    // A broken environment is reported; it does not end the command.
    var place: WorkerEnvironment?
    var misplaced: Finding?
    do {
      place = try WorkerEnvironment(environment)
    } catch {
      misplaced = .problem(
        "environment", Phrase("\(error)"),
        remedy: Phrase(
          en: "if no launcher started this process, these are left over from one: \(NetworkFacts.unsetting)",
          zh: "如果本进程不是由启动器启动的，这些变量就是之前留下的：\(NetworkFacts.unsetting)"))
    }
    let job = place.flatMap { $0.isDistributed ? $0 : nil }
    // Of the processes of a job on one host one prints. Where variables are left over from another job, this one is alone.
    let turn = job.map(ConsoleTurn.init)
    let printer = DoctorPrinter(asJSON: json, isQuiet: turn.map { !$0.isOurs } ?? false)
    printer.begin()
    let libTorch = LibTorchFacts.gathered()
    let devices = DeviceFacts.gathered(environment, libTorch: libTorch, libTorchCount: Runtime.cudaDeviceCount)
    printer.show(
      Phrase(en: "Program and processor", zh: "程序与处理器"),
      [libTorch.finding] + (try ProcessorFacts.gathered(environment)).findings)
    printer.show(Phrase(en: "GPUs", zh: "GPU"), devices.findings)
    printer.show(
      Phrase(en: "Memory and disk", zh: "内存与磁盘"), StorageFacts.gathered(deviceCount: devices.devices.count).findings)
    let network = NetworkFacts.gathered(environment, isStarted: job != nil, deviceCount: devices.devices.count)
    printer.show(Phrase(en: "Network", zh: "网络"), network.findings + (misplaced.map { [$0] } ?? []))
    if let job, let turn {
      if let finding = network.isMasterUnknown ? nil : exchange(in: job, turn: turn) {
        printer.show(Self.processes, [finding])
      }
    } else if nprocPerNode != 1 {
      let gpus = CUDA.isBuiltIn ? Runtime.cudaDeviceCount : 0
      printer.show(
        Self.processes,
        [
          Exchange.measured(processes: nprocPerNode ?? max(2, gpus), gpus: gpus, environment: environment) {
            try LaunchedJob($0 + [Self._commandName], environment: $1)?.run(output: $2, error: $3) ?? EX_SOFTWARE
          }
        ])
    }
    printer.end()
    if printer.verdict == .problem { throw ExitCode(Failure.Code.unavailable.rawValue) }
  }

  private func examine(_ folder: String) throws {
    let facts = try RunTraces.gathered(folder)
    let printer = DoctorPrinter(asJSON: json, isQuiet: false, isOfRun: true)
    printer.show(Phrase(en: "The run in \(folder)", zh: "\(folder) 中的训练"), facts.findings)
    printer.show(Phrase(en: "Its numbers", zh: "训练数值"), facts.numbers)
    printer.show(Phrase(en: "Its time", zh: "时间"), facts.time)
    printer.end()
    if printer.verdict == .problem { throw ExitCode(Failure.Code.unavailable.rawValue) }
  }

  /// What the processes do that `doctor` starts for the all-reduce.
  private func measureOnly(_ environment: [String: String], onGPUs: Bool) throws {
    let placement = try onGPUs ? DeviceArguments.parse([]).place() : Placement()
    let job = try Job(
      WorkerEnvironment(environment), Distribution(collectiveTimeout: 60),
      placement: placement)
    try job.together {
      guard let communicator = job.communicator else { return }
      let exchange = try Exchange(among: communicator, gradients: job.gradientGroup, on: placement.device)
      if job.isFirst { Output.line(exchange.json.serialized()) }
    }
  }

  /// The all-reduce with the other processes of the job that this one belongs to.
  private func exchange(in environment: WorkerEnvironment, turn: ConsoleTurn) -> Finding {
    do {
      let placement = try DeviceArguments.parse([]).place()
      let job = try Job(
        environment, Distribution(collectiveTimeout: 120), placement: placement,
        patience: 60, turn: turn)
      return try job.together {
        guard let communicator = job.communicator else {
          return Exchange.failed(Phrase(en: "there are no other processes", zh: "没有其他进程"))
        }
        return try Exchange(among: communicator, gradients: job.gradientGroup, on: placement.device).finding
      }
    } catch {
      let (starter, rank, size) = (environment.startedBy.rawValue, environment.rank, environment.worldSize)
      let message = Failure(error).message
      return Exchange.failed(
        Phrase(
          en:
            "\(message) (The environment says that \(starter) started this process as rank \(rank) of \(size); if that is left "
            + "over from another job: \(NetworkFacts.unsetting).)",
          zh: "\(message)（环境变量说本进程由 \(starter) 启动，是 \(size) 个 rank 中的 rank \(rank)；如果那是别的作业留下的："
            + "\(NetworkFacts.unsetting)。）"))
    }
  }
}
