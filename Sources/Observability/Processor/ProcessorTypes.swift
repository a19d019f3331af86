import Foundation

/// The types of numbers that a processor multiplies by itself; others are converted to float32 and back.
public enum ProcessorTypes {
  /// Those of this machine, by their names in PyTorch; nil where the processor does not say.
  public static func native() -> [String]? {
    (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)).flatMap(native(cpuinfo:))
  }

  /// The same from the text of `/proc/cpuinfo`: Intel's and AMD's flags (Linux, arch/x86/include/asm/cpufeatures.h).
  package static func native(cpuinfo text: String) -> [String]? {
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags") }) else { return nil }
    let flags = Set(line.split(separator: " ").map(String.init))
    var types = ["float32"]
    if !flags.isDisjoint(with: ["avx512_bf16", "amx_bf16"]) { types.append("bfloat16") }
    if !flags.isDisjoint(with: ["avx512_fp16", "amx_fp16"]) { types.append("float16") }
    return types
  }
}
