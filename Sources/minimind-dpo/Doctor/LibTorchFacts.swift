import Foundation
import Observability
import OrderedJSON
import Torch

/// Which LibTorch this process runs on.
package struct LibTorchFacts: Hashable, Sendable {
  /// The version of the headers that the program was built with: `2.13.0`.
  package var builtAgainst: String
  /// The folder whose library is loaded; nil where that is not known.
  package var folder: String?
  /// The version that the folder names: `2.13.0+cpu`.
  package var version: String?
  /// The CUDA that the folder's build is for: `13.0`. nil for a build for the CPU alone.
  package var cuda: String?
  /// Whether this process has loaded the CUDA part.
  package var isCUDALoaded = false

  package init(builtAgainst: String) { self.builtAgainst = builtAgainst }
}

extension LibTorchFacts {
  /// What this process has loaded, by the kernel's list of its mapped files.
  static func gathered() -> LibTorchFacts {
    var facts = LibTorchFacts(builtAgainst: Runtime.version)
    // What reads a file at once stops at the first piece of one whose size the kernel gives as zero, and the list is long.
    let file = FileHandle(forReadingAtPath: "/proc/self/maps")
    let maps = String(decoding: (try? file?.readToEnd()) ?? Data(), as: UTF8.self)
    func mapped(_ library: String) -> String? {
      maps.split(separator: "\n").first { $0.hasSuffix("/" + library) }
        .flatMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }
    }
    facts.isCUDALoaded = mapped("libtorch_cuda.so") != nil
    guard let library = mapped("libtorch_cpu.so") else { return facts }
    let folder = URL(fileURLWithPath: library).deletingLastPathComponent().deletingLastPathComponent()
    facts.folder = folder.path
    func text(_ name: String) -> String? {
      try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }
    // Wheels have version.py; the archives that go without Python have build-version.
    (facts.version, facts.cuda) = versions(versionPy: text("version.py"), buildVersion: text("build-version"))
    if facts.cuda == nil,
      FileManager.default.fileExists(atPath: folder.appendingPathComponent("lib/libtorch_cuda.so").path)
    {
      facts.cuda = unknownCUDA
    }
    return facts
  }

  /// The version and the CUDA version that a folder's files tell.
  package static func versions(versionPy: String?, buildVersion: String?) -> (version: String?, cuda: String?) {
    func value(of name: String) -> String? {
      for line in (versionPy ?? "").split(separator: "\n") where line.hasPrefix(name) {
        guard let quote = line.firstIndex(where: { $0 == "'" || $0 == "\"" }) else { continue }
        return String(line[line.index(after: quote)...].prefix { $0 != line[quote] })
      }
      return nil
    }
    if let version = value(of: "__version__") { return (version, value(of: "cuda")) }
    guard let build = buildVersion?.trimmingCharacters(in: .whitespacesAndNewlines), !build.isEmpty else {
      return (nil, nil)
    }
    // `2.13.0+cu130`: the last digit is the minor version.
    let digits = build.split(separator: "+").last.flatMap { $0.hasPrefix("cu") ? $0.dropFirst(2) : nil }
    return (build, digits.flatMap { $0.count > 1 ? "\($0.dropLast()).\($0.suffix(1))" : nil })
  }
}

extension LibTorchFacts {
  /// What was found.
  package var finding: Finding {
    let version = version ?? builtAgainst
    let place = folder.map { Phrase(en: ", in \($0)", zh: "，位于 \($0)") } ?? Phrase("")
    let kind =
      cuda.map {
        Phrase(en: "a build for CUDA \($0)", zh: $0 == Self.unknownCUDA ? "为 CUDA（版本未知）构建" : "为 CUDA \($0) 构建")
      }
      ?? Phrase(en: "a build for the CPU alone", zh: "仅支持 CPU")
    let text = Phrase(en: "LibTorch \(version), \(kind.en)\(place.en)", zh: "LibTorch \(version)，\(kind.zh)\(place.zh)")
    if Self.minor(version) != Self.minor(builtAgainst) {
      let folder = folder ?? "/path/to/torch"
      return .warning(
        "libtorch",
        text + Phrase(en: ", but the program was built against \(builtAgainst)", zh: "，但程序是用 \(builtAgainst) 构建的"),
        remedy: Phrase(
          en:
            "the two may not fit each other: build again with LIBTORCH=\(folder) make build, or take what leads to the "
            + "other one out of LD_LIBRARY_PATH",
          zh: "两者可能不兼容：用 LIBTORCH=\(folder) make build 重新构建，或从 LD_LIBRARY_PATH 中去掉指向另一个的路径"), values)
    }
    return .ok("libtorch", text, values)
  }

  /// The CUDA of a build that does not name it.
  private static let unknownCUDA = "an unknown version"

  private var values: JSON.Object {
    [
      "version": .string(version ?? builtAgainst), "built_against": .string(builtAgainst),
      "cuda": cuda.map(JSON.string) ?? .null, "cuda_loaded": .bool(isCUDALoaded),
    ]
  }

  /// `2.13` of `2.13.0+cpu`.
  private static func minor(_ version: String) -> String {
    version.split(whereSeparator: { ".+".contains($0) }).prefix(2).joined(separator: ".")
  }
}
