import CFuzzer
import Foundation

/// Feeds bytes that libFuzzer makes up to one of the readers of foreign bytes. A reader may refuse them with an error; a trap,
/// a memory fault, a lack of memory or a hang is a defect.
///
///     FUZZ_READER=safetensors fuzz -runs=100000 CORPUS SEEDS
///
/// `make fuzz` does so for all of them.
@main
enum Fuzz {
  static func main() {
    guard CommandLine.arguments.dropFirst() != ["--list"] else {
      return print(readers.keys.sorted().joined(separator: "\n"))
    }
    guard reader != nil else {
      FileHandle.standardError.write(Data("FUZZ_READER names no reader; fuzz --list prints them\n".utf8))
      exit(64)
    }
    var (count, values) = (CommandLine.argc, CommandLine.unsafeArgv)
    exit(
      withUnsafeMutablePointer(to: &values) { values in
        values.withMemoryRebound(to: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?.self, capacity: 1) {
          LLVMFuzzerRunDriver(&count, $0) { bytes, size in
            reader?(Data(bytes: bytes.unsafelyUnwrapped, count: size))
            return 0
          }
        }
      })
  }
}

private let reader = ProcessInfo.processInfo.environment["FUZZ_READER"].flatMap { readers[$0] }
