/// One of torchrun's options: its spelling and its help.
struct LaunchOption: Sendable {
  /// How it is treated.
  enum Kind: Sendable, Equatable {
    case value(placeholder: String)
    case flag
    /// Accepted with a value that has no effect here, so that torchrun's command lines keep working.
    case ignored(placeholder: String)
    /// Refused with a sentence; whether it takes a value.
    case refused(takesValue: Bool, because: String)
  }

  /// The spelling with dashes, without the leading ones.
  let name: String
  var letter: Character?
  let kind: Kind
  var help = ""

  var takesValue: Bool {
    switch kind {
    case .value, .ignored: true
    case .flag: false
    case .refused(let takesValue, _): takesValue
    }
  }

  /// The environment variable that holds a default: `PET_NNODES`.
  var variable: String { "PET_" + name.uppercased().replacing("-", with: "_") }
}

extension LaunchOption {
  private static func value(
    _ name: String, letter: Character? = nil, _ placeholder: String, _ help: String
  ) -> LaunchOption {
    LaunchOption(name: name, letter: letter, kind: .value(placeholder: placeholder), help: help)
  }

  private static func flag(_ name: String, _ help: String) -> LaunchOption {
    LaunchOption(name: name, kind: .flag, help: help)
  }

  private static func refused(
    _ name: String, letter: Character? = nil, takesValue: Bool = true, _ reason: String
  ) -> LaunchOption {
    LaunchOption(name: name, letter: letter, kind: .refused(takesValue: takesValue, because: reason))
  }

  private static let onlyPython =
    "belongs to Python scripts, which torchrun starts; launch starts this program's own commands, or, with --no-python, "
    + "any executable."

  /// All of torchrun's options (2.13), in the order of `--help`, and `--lang`.
  static let all: [LaunchOption] = [
    value(
      "nproc-per-node", "n|cpu|gpu|auto",
      "Workers on each node: a number, or one for each core (cpu), for each visible GPU (gpu), for each GPU or else core "
        + "(auto). (default: 1)"),
    value("nnodes", "n|min:max", "Nodes (machines), each of which runs its own launch. (default: 1)"),
    value("node-rank", "r", "Number of this node, from 0, with the static back end. (default: 0)"),
    value("master-addr", "host", "Name or address of node 0, with the static back end. (default: 127.0.0.1)"),
    value(
      "master-port", "port",
      "Port on node 0; with one node, 0 means any free port. (default: a free one where there is one node, else 29500)"),
    value(
      "rdzv-backend", "static|c10d",
      "How nodes find each other. static: each is told its number and where node 0 is; c10d: they meet at the endpoint, whose "
        + "owner is node 0, and are numbered as they come. (default: static)"),
    value("rdzv-endpoint", "host:port", "Where the nodes meet. (default: the master's address and port)"),
    value("rdzv-id", "id", "The job's name, the same on all nodes. (default: none; random where there is one node)"),
    value(
      "rdzv-conf", "key=value,…",
      "timeout or join_timeout: seconds to wait for all nodes (default: 900 static, 600 c10d); last_call_timeout: seconds "
        + "to wait for more once MIN nodes are there (default: 30); is_host: true or false, whether this node hosts the "
        + "store (c10d; default: found out); keep_alive_interval and keep_alive_max_attempt: their product is the time in "
        + "seconds after which a silent node is given up (default: 5 and 3)."),
    flag("standalone", "One node, whatever the options on rendezvous say: a free port and a random id."),
    value("local-addr", "host", "Name or address of this node, as others see it. (default: the host's name)"),
    value("max-restarts", "n", "How often all workers are started again after one failed. (default: 0)"),
    value("monitor-interval", "seconds", "How often to look after the workers at the least. (default: 0.1)"),
    value(
      "shutdown-timeout", "seconds",
      "Time between SIGTERM and SIGKILL when workers are stopped. (default: $TORCH_ELASTIC_SHUTDOWN_TIMEOUT, else 30)"),
    value(
      "signals-to-handle", "names",
      "Signals that are passed on to the workers, which then have to stop. (default: SIGTERM,SIGINT,SIGHUP,SIGQUIT) SIGUSR1 is "
        + "always passed on to workers that handle it, and stops none."),
    value("role", "name", "What teed lines begin with: [<role><local rank>]: (default: default)"),
    value(
      "log-dir", "folder",
      "Where log files go: <folder>/<id>_<random>/attempt_<n>/<local rank>/std{out,err}.log. (default: a temporary folder)"
    ),
    value(
      "redirects", letter: "r", "streams",
      "Streams that go to files instead of the console: 0 none, 1 stdout, 2 stderr, 3 both, or for each local rank: "
        + "0:3,1:2. (default: 0)"),
    value(
      "tee", letter: "t", "streams", "Streams that go to files as well, with a prefix on the console. (default: 0)"),
    value("local-ranks-filter", "ranks", "Show the console output of these local ranks only: 0,2. (default: all)"),
    flag("no-python", "The worker is any executable, found as a shell would, not a command of this program."),
    value(
      "lang", "en|zh",
      "The language of the launcher's messages and of its workers' ones. (default: as LC_ALL, LC_MESSAGES or LANG says)"
    ),
    LaunchOption(name: "event-log-handler", kind: .ignored(placeholder: "name")),
    refused("module", letter: "m", takesValue: false, onlyPython),
    refused("run-path", takesValue: false, onlyPython),
    refused("start-method", onlyPython),
    refused("logs-specs", "names a Python class. Log files are chosen with --redirects, --tee and --log-dir."),
    refused(
      "numa-binding", "is not supported. With --no-python, workers can be started under numactl."),
    refused(
      "virtual-local-rank", takesValue: false,
      "is not supported: this launcher never changes CUDA_VISIBLE_DEVICES. Workers take the device of their LOCAL_RANK."
    ),
    refused("duplicate-stdout-filters", "is not supported. Keep the log with --tee 1 and search it."),
    refused("duplicate-stderr-filters", "is not supported. Keep the log with --tee 2 and search it."),
  ]

  /// The option of that exact name, spelled with dashes or underscores.
  static func named(_ name: String) -> LaunchOption? {
    let dashed = name.replacing("_", with: "-")
    return all.first { $0.name == dashed }
  }
}
