import Observability
import Testing
import minimind_dpo

// Facts are made up; what is tested is what doctor makes of them.
@Suite("What doctor makes of facts")
struct DoctorJudgementTests {
  private func finding(_ findings: [Finding], _ check: String) -> Finding? { findings.first { $0.check == check } }

  /// Checks the verdict of one thing, and that text and remedy have the words that matter.
  private func expect(
    _ findings: [Finding], _ check: String, _ verdict: Verdict?, _ words: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let found = finding(findings, check)
    #expect(found?.verdict == verdict, "\(found as Any)", sourceLocation: sourceLocation)
    let text = (found?.text.en ?? "") + " " + (found?.remedy?.en ?? "")
    let chinese = (found?.text.zh ?? "") + (found?.remedy?.zh ?? "")
    for word in words { #expect(text.contains(word), "\(word) ∉ \(text)", sourceLocation: sourceLocation) }
    // Commands, options and names are the same in both languages.
    for word in words where word.contains("--") || word.contains("=") {
      #expect(chinese.contains(word), "\(word) ∉ \(chinese)", sourceLocation: sourceLocation)
    }
    #expect(!chinese.hasEnglishSentence, "\(chinese)", sourceLocation: sourceLocation)
    #expect((found?.remedy != nil) == (verdict != nil && verdict != .ok), sourceLocation: sourceLocation)
  }

  // MARK: - Program and processor

  @Test("The version and the CUDA of a LibTorch are read off its files, with Python or without")
  func versions() {
    let wheel = LibTorchFacts.versions(
      versionPy:
        "__version__ = '2.11.0+cu130'\ndebug = False\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n",
      buildVersion: nil)
    #expect(wheel.version == "2.11.0+cu130" && wheel.cuda == "13.0")
    let cpu = LibTorchFacts.versions(
      versionPy: "__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\n", buildVersion: nil)
    #expect(cpu.version == "2.13.0+cpu" && cpu.cuda == nil)
    let archive = LibTorchFacts.versions(versionPy: nil, buildVersion: "2.12.1+cu128\n")
    #expect(archive.version == "2.12.1+cu128" && archive.cuda == "12.8")
    #expect(LibTorchFacts.versions(versionPy: nil, buildVersion: "2.12.1+cpu").cuda == nil)
  }

  @Test("Another LibTorch than the one that the program was built against")
  func otherLibTorch() {
    var facts = LibTorchFacts(builtAgainst: "2.13.0")
    (facts.version, facts.folder) = ("2.13.1+cpu", "/opt/torch")
    expect([facts.finding], "libtorch", .ok, "2.13.1+cpu", "CPU alone", "/opt/torch")
    facts.version = "2.11.0+cpu"
    expect([facts.finding], "libtorch", .warning, "2.11.0", "2.13.0", "LIBTORCH=/opt/torch make build")
  }

  @Test("Threads and cores")
  func threads() {
    var facts = ProcessorFacts()
    (facts.capability, facts.cores, facts.allowedCores) = ("AVX2", 64, 8)
    (facts.threads, facts.fusedThreads, facts.load) = (8, 8, 0.2)
    expect(facts.findings, "processor", .ok, "8 of 64 cores", "AVX2")
    expect(facts.findings, "threads", .ok, "8 threads")
    expect(facts.findings, "load", nil)
    facts.fusedThreads = 1
    expect(facts.findings, "threads", .warning, "fused", "LD_PRELOAD")
    (facts.threads, facts.fusedThreads) = (32, 32)
    expect(facts.findings, "threads", .warning, "--threads 8")
    (facts.threads, facts.fusedThreads, facts.threadsWished) = (1, 1, "1")
    expect(facts.findings, "threads", .warning, "7 of 8 cores", "unset OMP_NUM_THREADS")
    (facts.capability, facts.load) = ("DEFAULT", 60)
    expect(facts.findings, "processor", .warning, "AVX2")
    expect(facts.findings, "load", .warning, "60.0 of 64 cores")
    facts.isX86 = false
    expect(facts.findings, "processor", .ok)
  }

  // MARK: - Memory and disk

  @Test("Memory, disk, and open files")
  func storage() {
    var facts = StorageFacts()
    facts.memory = 16 << 30
    for (free, verdict) in [(8 << 30, .ok), (2 << 30, .warning), (100 << 20, .problem)] as [(Int, Verdict)] {
      facts.availableMemory = free
      facts.workingFolder = .init(path: "/data", bytes: 1 << 40, freeBytes: free)
      expect(facts.findings, "memory", verdict)
      expect(facts.findings, "disk", verdict, "/data")
    }
    facts.isWritable = false
    expect(facts.findings, "disk", .warning, "--output-dir")
    (facts.openFiles, facts.openFilesAtMost) = (256, 524_288)
    expect(facts.findings, "open-files", .warning, "256", "ulimit -n 4096")
    facts.lockedMemory = 64 << 10
    expect(facts.findings, "locked-memory", nil)
    facts.hasInfiniBand = true
    expect(facts.findings, "locked-memory", .warning, "memlock")
  }

  @Test("Shared memory matters where several GPUs are, and is too small in a container that was given none")
  func sharedMemory() {
    var facts = StorageFacts()
    facts.isContainer = true
    facts.sharedMemory = .init(path: "/dev/shm", bytes: 64 << 20, freeBytes: 63 << 20)
    expect(facts.findings, "shared-memory", .ok)
    facts.deviceCount = 4
    expect(facts.findings, "shared-memory", .problem, "--ipc=host", "--shm-size=1g", "NCCL")
    facts.sharedMemory = .init(path: "/dev/shm", bytes: 512 << 20, freeBytes: 512 << 20)
    facts.isContainer = false
    expect(facts.findings, "shared-memory", .warning, "remount")
    facts.sharedMemory = nil
    expect(facts.findings, "shared-memory", .problem, "/dev/shm")
  }

  // MARK: - Network

  @Test("Ports, the host's name, and interfaces")
  func network() {
    var facts = NetworkFacts()
    (facts.hostName, facts.hostAddresses) = ("node0", ["127.0.1.1"])
    facts.interfaces = [
      .init("lo", ["127.0.0.1"]), .init("eth0", ["10.0.0.5", "fe80::1"]), .init("br-1", ["172.18.0.1"]),
    ]
    expect(facts.findings, "host-name", .ok, "127.0.1.1")
    expect(facts.findings, "interfaces", .ok, "eth0 10.0.0.5")
    expect(facts.findings, "nccl-interface", nil)
    facts.deviceCount = 2
    expect(facts.findings, "nccl-interface", .warning, "br-1", "NCCL_SOCKET_IFNAME=eth0")
    facts.variables = ["NCCL_SOCKET_IFNAME": "ib", "GLOO_SOCKET_IFNAME": "eth1", "NCCL_P2P_DISABLE": "1"]
    expect(facts.findings, "nccl-interface", .problem, "ib", "eth0")
    expect(facts.findings, "gloo-interface", .problem, "eth1", "eth0")
    expect(facts.findings, "nccl-settings", .warning, "NCCL_P2P_DISABLE")
    (facts.hostAddresses, facts.port) = ([], .fails("Connection refused"))
    expect(facts.findings, "host-name", .warning, "/etc/hosts")
    expect(facts.findings, "ports", .problem, "Connection refused")
    facts.meetingPortOwner = Phrase(en: "process 4711 (python3)", zh: "进程 4711（python3）")
    expect(facts.findings, "meeting-port", .warning, "29500", "4711", "--master-port")
  }

  @Test(
    "NCCL_SOCKET_IFNAME takes beginnings, whole names, and exclusions",
    arguments: [
      ("eth", true), ("eth0", true), ("=eth", false), ("=eth0", true), ("ib,eth", true), ("^docker,lo", true),
      ("^eth", false), ("^=eth", true), ("ens", false),
    ])
  func interfaceNames(pattern: String, expected: Bool) {
    #expect(NetworkFacts.matches("eth0", pattern) == expected)
  }

  @Test("A launcher's variables are in order where a launcher started the process")
  func started() {
    var facts = NetworkFacts()
    facts.variables = ["MASTER_ADDR": "node0", "PET_NNODES": "2"]
    expect(facts.findings, "environment", .warning, "MASTER_ADDR=node0", "unset MASTER_ADDR PET_NNODES")
    facts.isStarted = true
    expect(facts.findings, "environment", nil)
    facts.isMasterUnknown = true
    expect(facts.findings, "master-address", .problem, "MASTER_ADDR is node0, which has no address here", "unset RANK")
  }

  @Test("An all-reduce: right and fast, slow, wrong")
  func exchange() {
    var exchange = Exchange(processes: 4, hosts: 2, bytes: 64_000_000, seconds: 0.05, isCorrect: true)
    // 2 · 3 / 4 · 64 MB in 50 ms.
    #expect(abs(exchange.busBandwidth - 1.92e9) < 1)
    expect([exchange.finding], "all-reduce", .ok, "2 hosts", "1.92 GB/s")
    exchange.seconds = 2
    expect([exchange.finding], "all-reduce", .warning, "GLOO_SOCKET_IFNAME")
    exchange.isCorrect = false
    expect([exchange.finding], "all-reduce", .problem, "wrong sum")
    expect([Exchange.failed("no other rank came")], "all-reduce", .problem, "no other rank came")
  }

  @Test("An all-reduce between GPUs: by NCCL, of which more is expected, and whose ways can be left out one by one")
  func exchangeOfGPUs() {
    var exchange = Exchange(
      processes: 2, hosts: 1, bytes: 64_000_000, seconds: 0.0064, isCorrect: true, isBetweenGPUs: true)
    expect([exchange.finding], "all-reduce", .ok, "2 GPUs on this host", "NCCL", "10 GB/s")
    exchange.seconds = 0.1
    expect([exchange.finding], "all-reduce", .warning, "topo -m", "--gradient-accumulation-steps")
    exchange.isCorrect = false
    expect([exchange.finding], "all-reduce", .problem, "NCCL_P2P_DISABLE=1")
    expect(
      [Exchange.failed("a timeout", betweenGPUs: true)], "all-reduce", .problem, "NCCL_DEBUG=INFO", "--backend gloo")
  }

  // MARK: - GPUs

  @Test("No GPU is no problem where there is none, and one where a driver or a container hides it")
  func noDevice() {
    var facts = DeviceFacts()
    facts.libraryError = .noLibrary(reason: "not found")
    expect(facts.findings, "gpu", .ok, "CPU")
    facts.busPlaces = ["0000:3b:00.0"]
    expect(facts.findings, "gpu", .problem, "0000:3b:00.0", "no driver", "580")
    facts.isContainer = true
    expect(facts.findings, "gpu", .problem, "--gpus all", "nvidia.com/gpu")
    for (error, word) in [
      (.driverNotLoaded, "modprobe nvidia"), (.versionMismatch, "restart"), (.noPermission, "/dev/nvidia"),
      (.other(status: 999), "999"),
    ] as [(NVMLError, String)] {
      facts.libraryError = error
      expect(facts.findings, "gpu", .problem, word)
    }
    facts.libraryError = nil
    expect(facts.findings, "gpu", .problem, "--gpus all")
  }

  /// Two GPUs that work.
  private var working: DeviceFacts {
    var facts = DeviceFacts()
    (facts.driverVersion, facts.driverCUDA) = ("580.65.06", 13000)
    facts.devices = (0..<2).map { .init(index: $0, name: "NVIDIA A100", capability: 80, memoryBytes: 80 << 30) }
    facts.visible = VisibleDevices([:], uuids: ["GPU-0", "GPU-1"])
    facts.libTorch = LibTorchFacts(builtAgainst: "2.13.0")
    (facts.libTorch.version, facts.libTorch.cuda, facts.libTorch.isCUDALoaded) = ("2.13.0+cu130", "13.0", true)
    (facts.libTorchCount, facts.ncclVersion) = (2, "2.27.3")
    return facts
  }

  @Test("GPUs that work, seen by LibTorch")
  func devices() {
    let findings = working.findings
    #expect(findings.allSatisfy { $0.verdict == .ok })
    expect(findings, "driver", .ok, "580.65.06", "13.0")
    expect(findings, "libtorch-cuda", .ok, "2 GPUs")
    expect(findings, "peer-access", .ok, "PCI Express")
    expect(findings, "nccl", .ok, "2.27.3")
  }

  @Test("The wrong PyTorch: for the CPU alone, too new for the driver, too old or too new for the GPU, not linked")
  func wrongBuild() {
    var facts = working
    (facts.libTorch.cuda, facts.libTorchCount) = (nil, 0)
    expect(facts.findings, "libtorch-cuda", .problem, "CPU alone", "CUDA 13", "LIBTORCH=")
    facts = working
    (facts.driverVersion, facts.driverCUDA, facts.libTorchCount) = ("550.54.14", 12040, 0)
    expect(
      facts.findings, "libtorch-cuda", .problem, "driver 580", "550.54.14", "CUDA up to 12.4", "built for CUDA 12 ")
    // CUDA 12 runs on any driver from 525 on.
    facts.libTorch.cuda = "12.8"
    expect(facts.findings, "libtorch-cuda", .problem, "CUDA does not start", "nvidia-uvm")
    facts.libTorch.isCUDALoaded = false
    expect(facts.findings, "libtorch-cuda", .problem, "built without that part")
    facts = working
    facts.devices[1].capability = 70
    expect(facts.findings, "libtorch-cuda", .problem, "7.0", "12.6")
    facts.devices[1].capability = 120
    expect(facts.findings, "libtorch-cuda", .ok)
    facts.libTorch.cuda = "12.6"
    expect(facts.findings, "libtorch-cuda", .problem, "12.0", "12.8")
  }

  @Test("CUDA_VISIBLE_DEVICES that hides everything, or something")
  func hidden() {
    var facts = working
    func set(_ text: String) {
      facts.visibleText = text
      facts.visible = VisibleDevices(["CUDA_VISIBLE_DEVICES": text], uuids: ["GPU-0", "GPU-1"])
      facts.libTorchCount = facts.visible.indices.count
    }
    set("")
    expect(facts.findings, "visible-devices", .problem, "set to nothing", "unset CUDA_VISIBLE_DEVICES")
    // One cause, one problem.
    expect(facts.findings, "libtorch-cuda", nil)
    set("4")
    expect(facts.findings, "visible-devices", .problem, "\"4\"", "0 to 1")
    set("1,4")
    expect(facts.findings, "visible-devices", .warning, "1 of 2 GPUs", "\"4\"")
    set("1")
    expect(facts.findings, "visible-devices", .ok, "1 of 2 GPUs")
  }

  @Test("What may be wrong with a GPU")
  func troubles() {
    var facts = working
    facts.devices[0].memoryUsedBytes = 40 << 30
    facts.devices[0].computeMode = .prohibited
    facts.devices[0].isDivided = true
    facts.devices[0].clockReasons = [.powerCap, .hardwareHeat]
    facts.devices[0].health.uncorrectedErrors = 2
    expect(facts.findings, "gpu-memory", .warning, "40.0 GiB")
    expect(facts.findings, "gpu-mode", .problem, "-c DEFAULT")
    expect(facts.findings, "gpu-parts", .warning, "MIG")
    expect(facts.findings, "gpu-clock", .warning, "heat, by the hardware")
    expect(facts.findings, "gpu-errors", .warning, "2 memory errors")
    facts.devices[0].health.hasFailed = true
    expect(facts.findings, "gpu-errors", .problem, "exchanged")
    // Full power is what it is for.
    facts.devices[0].clockReasons = .powerCap
    expect(facts.findings, "gpu-clock", nil)
  }

  @Test("Several GPUs: NVLink, no peer access, no NCCL")
  func severalDevices() {
    var facts = working
    facts.isFullyLinked = true
    expect(facts.findings, "peer-access", .ok, "NVLink")
    facts.gaps = [.init(0, 1, .disabled)]
    expect(facts.findings, "peer-access", .warning, "the driver was told not to", "NCCL_P2P_DISABLE=1")
    facts.ncclVersion = nil
    expect(facts.findings, "nccl", .problem, "nvidia-nccl-cu13")
  }

  // MARK: - The report

  @Test("Lines break at the width, and the remedy follows an arrow")
  func lines() {
    let finding = Finding.warning(
      "disk", Phrase(en: "so little room that this line is longer than forty columns", zh: "空间太少"),
      remedy: Phrase(en: "make room", zh: "腾出空间"))
    #expect(
      finding.lines(width: 50, usesColor: false) == """
          warning  so little room that this line is longer
                   than forty columns
                   → make room
        """)
    #expect(finding.lines(width: 50, usesColor: true).hasPrefix("  \u{1B}[33mwarning  \u{1B}[0m"))
    // A Chinese character takes two columns.
    #expect(finding.lines(width: 50, usesColor: false, in: .chinese) == "  警告     空间太少\n           → 腾出空间")
  }

  @Test("The last line counts, and the worst verdict is the report's")
  func summary() {
    var report = DoctorReport()
    let (slow, wait) = (Phrase(en: "slow", zh: "慢"), Phrase(en: "wait", zh: "等待"))
    report.add(.init(Phrase("One"), [.ok("a", Phrase("fine"))]))
    report.add(.init(Phrase("None"), []))
    #expect(report.summary == Phrase(en: "All is well.", zh: "一切正常。") && report.sections.count == 1)
    report.add(.init(Phrase("Two"), [.warning("b", slow, remedy: wait), .warning("c", slow, remedy: wait)]))
    #expect(report.summary == Phrase(en: "Ready to train, with 2 warnings.", zh: "可以训练，有 2 个警告。"))
    report.add(.init(Phrase("Three"), [.problem("d", Phrase(en: "broken", zh: "坏了"), remedy: wait)]))
    #expect(report.summary.en.hasPrefix("1 problem and 2 warnings") && report.verdict == .problem)
    #expect(report.summary.zh.hasPrefix("1 个问题，2 个警告"))
    // What programs read does not depend on the language.
    #expect(report.json(host: "h")["findings"]?.array?.last?["text"]?.string == "broken")
    #expect(report.json(host: "h")["problems"]?.int == 1)
  }
}

extension String {
  /// Whether there are four English words in a row: commands and names have fewer, or are no words.
  var hasEnglishSentence: Bool {
    let words = split { $0 == " " || $0 == "\n" }
    let plain = words.map { word in
      // Chinese around a word ends it.
      word.count > 1 && word.allSatisfy { $0.isASCII && $0.isLetter && $0.isLowercase }
    }
    return plain.indices.contains { $0 + 4 <= plain.count && plain[$0..<$0 + 4].allSatisfy(\.self) }
  }
}
