// swift-tools-version: 6.2
import Foundation
import PackageDescription

// LibTorch: LIBTORCH=/path/to/torch (the folder with lib/ and include/), else what `make libtorch` fetched.
// A missing one is not an error here, so that the targets that need none still build and are tested;
// Sources/CTorch then stops the compiler with one message that lists the remedies.
let libtorch =
  Context.environment["LIBTORCH"].flatMap { $0.isEmpty ? nil : $0 }
  ?? Context.packageDirectory + "/.libtorch/torch"
let hasLibTorch = FileManager.default.fileExists(atPath: libtorch + "/include/ATen/core/Tensor.h")

// CUDA is compiled in where LibTorch was built with it and NVIDIA's headers are at hand: those of pip's nvidia-* packages,
// which lie beside it, or of a toolkit in CUDA_HOME. `make check-cuda` says which are missing.
let cudaFolders =
  (try? FileManager.default.contentsOfDirectory(atPath: libtorch + "/../nvidia"))
  .map { $0.sorted().map { libtorch + "/../nvidia/" + $0 } } ?? []
let toolkits = cudaFolders + [Context.environment["CUDA_HOME"]].compactMap(\.self)
let cudaIncludes = toolkits.flatMap { [$0 + "/include", $0 + "/include/cccl"] }
let cudaLibraries = toolkits.flatMap { [$0 + "/lib", $0 + "/lib64"] }
let cudaRuntime = cudaLibraries.lazy.flatMap { folder in
  ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    .filter { $0.hasPrefix("libcudart.so") }.sorted().map { (folder: folder, name: $0) }
}.first
let hasCUDA =
  hasLibTorch && cudaRuntime != nil && FileManager.default.fileExists(atPath: libtorch + "/lib/libtorch_cuda.so")
  && ["cuda_runtime_api.h", "crt/host_defines.h", "cublas_v2.h", "cusparse.h", "nv/target", "nccl.h"].allSatisfy {
    header in
    cudaIncludes.contains { FileManager.default.fileExists(atPath: $0 + "/" + header) }
  }

// Clang writes the names of some templates differently since version 18. Libraries before 2.13 need the ways of 17.
let versionHeader =
  (try? String(contentsOfFile: libtorch + "/include/torch/headeronly/version.h", encoding: .utf8)) ?? ""
let namesAsBefore = ["11", "12"].contains { versionHeader.contains("#define TORCH_VERSION_MINOR \($0)\n") }

let cxxSettings: [CXXSetting] =
  [
    .define("USE_C10D_GLOO"),
    .headerSearchPath("declarations"),
    .unsafeFlags([
      "-isystem", libtorch + "/include",
      "-isystem", libtorch + "/include/torch/csrc/api/include",
      "-Wall", "-Wextra",
    ]),
  ]
  + (namesAsBefore ? [.unsafeFlags(["-fclang-abi-compat=17"])] : [])
  + (hasCUDA
    ? [
      .define("USE_CUDA"), .define("USE_C10D_NCCL"),
      .unsafeFlags(cudaIncludes.flatMap { ["-isystem", $0] }),
    ] : [])
// --no-as-needed keeps libraries that register themselves when loaded (the back ends of LibTorch do).
// LIBTORCH_RPATH is where the program looks for them instead of the folder it was built with.
let rpaths = Context.environment["LIBTORCH_RPATH"].map { [$0] } ?? [libtorch + "/lib"] + cudaLibraries
let linkerSettings: [LinkerSetting] = [
  .unsafeFlags(
    ["-L\(libtorch)/lib"]
      + rpaths.flatMap { ["-Xlinker", "-rpath", "-Xlinker", $0] }
      + ["-Xlinker", "--no-as-needed", "-lc10", "-ltorch_cpu"]
      + (hasCUDA
        ? [
          // What NVIDIA's libraries need of each other is not there where a program is only built.
          "-Xlinker", "--allow-shlib-undefined", "-lc10_cuda", "-ltorch_cuda",
          "-Xlinker", "\(cudaRuntime?.folder ?? "")/\(cudaRuntime?.name ?? "")",
        ] : [])
      + ["-Xlinker", "--as-needed", "-lm"])
]

let collections = Target.Dependency.product(name: "OrderedCollections", package: "swift-collections")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let hummingbird = [
  Target.Dependency.product(name: "Hummingbird", package: "hummingbird"),
  .product(name: "HummingbirdCore", package: "hummingbird"),
  .product(name: "HTTPTypes", package: "swift-http-types"),
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
]
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
  name: "minimind-dpo",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "minimind-dpo", targets: ["minimind-dpo"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.28.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.8.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
    // Its defaults bring a configuration library that nothing here reads.
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: ["FullFoundation"]),
    .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
  ],
  targets: [
    // What needs no LibTorch.
    .target(name: "OrderedJSON", dependencies: [collections]),
    .target(name: "CSHA256", cSettings: [.unsafeFlags(["-Wall", "-Wextra"])]),
    .target(name: "Files", dependencies: ["CSHA256", "OrderedJSON", collections]),
    .target(name: "Jinja", dependencies: ["OrderedJSON", collections]),
    .target(name: "Tokenization", dependencies: ["Jinja", "OrderedJSON", collections]),
    .target(name: "Preferences", dependencies: ["Files", "Tokenization", "Jinja", "OrderedJSON", collections]),
    .target(name: "Observability", dependencies: ["Files", "OrderedJSON", logging, protobuf, collections]),
    .target(name: "Web", dependencies: ["OrderedJSON", logging] + hummingbird),
    .target(name: "Dashboard", dependencies: ["Web", "Observability", "Files", "OrderedJSON", logging] + hummingbird),
    .target(name: "CLauncher", cSettings: [.unsafeFlags(["-Wall", "-Wextra"])]),
    .target(name: "Launcher", dependencies: ["CLauncher"]),

    // LibTorch, and what stands on it.
    .target(
      name: "CTorch", exclude: hasLibTorch ? ["MissingLibTorch.cpp"] : [],
      sources: hasLibTorch ? nil : ["MissingLibTorch.cpp"],
      cxxSettings: cxxSettings, linkerSettings: linkerSettings),
    .target(
      // It shares CTorch's headers as files: as a module, C++20 would want them built before.
      name: "CKernels",
      exclude: hasLibTorch
        ? ["without_libtorch.cpp", "simd/row_kernels.inc", "matmul/gemm_kernels.inc", "cuda/device"] : [],
      sources: hasLibTorch ? nil : ["without_libtorch.cpp"],
      cxxSettings: cxxSettings + [
        .headerSearchPath("."), .headerSearchPath("../CTorch/include"),
        // The kernels that NVRTC compiles: their text becomes part of the library.
        .headerSearchPath("cuda/device"),
      ],
      linkerSettings: linkerSettings),
    .target(name: "Torch", dependencies: ["CTorch", "CKernels"]),
    .target(name: "Collectives", dependencies: ["Files", "Launcher", "Torch", logging]),
    .target(name: "Checkpoints", dependencies: ["Files", "Torch", "OrderedJSON", collections]),
    .target(name: "MiniMind", dependencies: ["Torch", "Checkpoints", "Files", "OrderedJSON", collections]),
    .target(name: "DPO", dependencies: ["MiniMind", "Preferences", "Torch"]),
    .target(
      name: "Training",
      dependencies: [
        "DPO", "MiniMind", "Preferences", "Checkpoints", "Files", "Torch", "OrderedJSON", collections, logging,
      ]),
    .target(
      name: "Serving",
      dependencies: ["MiniMind", "Tokenization", "Jinja", "Torch", "Web", "OrderedJSON", collections, logging]
        + hummingbird),
    .executableTarget(
      name: "minimind-dpo",
      dependencies: [
        "Training", "Serving", "Dashboard", "Web", "DPO", "MiniMind", "Preferences", "Tokenization", "Files", "Torch",
        "Observability",
        "Collectives", "Launcher", "OrderedJSON", "Jinja", arguments, collections, logging, yams,
      ]),
    // What each fused operator gains; see Benchmarks/README.md.
    .executableTarget(
      name: "kernel-bench",
      dependencies: ["Training", "DPO", "MiniMind", "Preferences", "Torch", "OrderedJSON"], path: "Benchmarks/Kernels"),
    .executableTarget(
      name: "tokenizer-bench", dependencies: ["Tokenization", "OrderedJSON"], path: "Benchmarks/Tokenizer"),

    // Tests.
    // Weights that tests of the full-size model and reference scripts compute alike.
    .target(name: "ModelFixtures", dependencies: ["MiniMind", "Torch"], path: "Tests/ModelFixtures"),
    .testTarget(name: "OrderedJSONTests", dependencies: ["OrderedJSON"]),
    .testTarget(name: "FilesTests", dependencies: ["CSHA256", "Files", "OrderedJSON"]),
    .testTarget(name: "JinjaTests", dependencies: ["Jinja", "OrderedJSON"], resources: [.copy("Goldens")]),
    .testTarget(
      name: "TokenizationTests", dependencies: ["Tokenization", "OrderedJSON"], resources: [.copy("Goldens")]),
    .testTarget(
      name: "PreferencesTests", dependencies: ["Preferences", "Tokenization", "OrderedJSON"],
      resources: [.copy("Goldens")]),
    .testTarget(name: "ObservabilityTests", dependencies: ["Observability", "ProgramSupport", "OrderedJSON"]),
    .testTarget(
      name: "DashboardTests", dependencies: ["Dashboard", "Web", "Observability", "ProgramSupport", "OrderedJSON"]),
    // The launcher as a process of its own, without LibTorch.
    .executableTarget(name: "launcher-fixture", dependencies: ["Launcher"], path: "Tests/LauncherFixture"),
    .testTarget(name: "LauncherTests", dependencies: ["Launcher", "launcher-fixture", subprocess]),
    .testTarget(name: "KernelTests", dependencies: ["Torch", "KernelEmulation"]),
    // The CUDA kernels' own text, compiled for the CPU.
    .target(
      name: "KernelEmulation", path: "Tests/KernelEmulation", cxxSettings: [.unsafeFlags(["-Wall", "-Wextra"])]),
    .testTarget(name: "TorchTests", dependencies: ["Torch", "OrderedJSON"], resources: [.copy("Goldens")]),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["Checkpoints", "Files", "Torch", "OrderedJSON"],
      resources: [.copy("Goldens")]),
    .testTarget(
      name: "MiniMindTests",
      dependencies: ["MiniMind", "ModelFixtures", "Checkpoints", "Files", "Torch", "OrderedJSON", collections],
      resources: [.copy("Goldens")]),
    .testTarget(
      name: "DPOTests", dependencies: ["DPO", "MiniMind", "Preferences", "Torch", "OrderedJSON"],
      resources: [.copy("Goldens")]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Training", "DPO", "MiniMind", "ModelFixtures", "Preferences", "Checkpoints", "Files", "Torch", "OrderedJSON",
        collections,
      ],
      resources: [.copy("Goldens")]),
    .testTarget(
      name: "ServingTests",
      dependencies: [
        "Serving", "MiniMind", "ModelFixtures", "Tokenization", "Torch", "Web", "ProgramSupport", "OrderedJSON",
      ]),
    .testTarget(name: "CommandTests", dependencies: ["minimind-dpo", "ProgramSupport", "OrderedJSON", subprocess]),
    // Runs the program as users do; for all tests that need it so.
    .target(name: "ProgramSupport", dependencies: ["OrderedJSON", subprocess], path: "Tests/ProgramSupport"),
    .testTarget(name: "CollectivesTests", dependencies: ["Collectives", "Launcher", "Torch", logging]),
    .testTarget(name: "JobTests", dependencies: ["minimind-dpo", "ProgramSupport", "OrderedJSON", subprocess]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx20
)

// Tests that start programs and compare texts: optimising them takes minutes and gains nothing.
let plain: Set = [
  "CommandTests", "JobTests", "LauncherTests", "ObservabilityTests", "PreferencesTests", "DashboardTests",
  "ServingTests",
]
for target in package.targets where plain.contains(target.name) {
  target.swiftSettings = [.unsafeFlags(["-Onone"])]
}

// `make test-one T=DPOTests` declares that test target alone, so that only what it needs is built.
if let only = Context.environment["MINIMIND_TEST_TARGET"], !only.isEmpty {
  package.targets.removeAll { $0.isTest && $0.name != only }
}

// `make fuzz` asks for this program, whose parts are compiled to be watched by libFuzzer.
if let value = Context.environment["MINIMIND_FUZZ"], !value.isEmpty {
  package.targets += [
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "Checkpoints", "Files", "Jinja", "Launcher", "MiniMind", "Observability", "OrderedJSON", "Preferences",
        "Tokenization",
      ], path: "Tools/fuzz/Fuzz")
  ]
}
