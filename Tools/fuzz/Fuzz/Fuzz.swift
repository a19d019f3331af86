import Foundation

/// One input that libFuzzer made up (https://llvm.org/docs/LibFuzzer.html#fuzz-target), given to one of the readers of foreign
/// bytes. A reader may refuse it with an error; a trap, a memory fault, a lack of memory or a hang is a defect.
///
///     FUZZ_READER=safetensors fuzz -runs=100000 CORPUS SEEDS
///
/// `make fuzz` does so for all of them. The program's `main` is libFuzzer's.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard let reader else {
    let known = readers.keys.sorted().joined(separator: ", ")
    FileHandle.standardError.write(Data("FUZZ_READER names no reader; they are \(known)\n".utf8))
    exit(64)
  }
  reader(bytes.map { Data(bytes: $0, count: size) } ?? Data())
  return 0
}

private let reader = ProcessInfo.processInfo.environment["FUZZ_READER"].flatMap { readers[$0] }
