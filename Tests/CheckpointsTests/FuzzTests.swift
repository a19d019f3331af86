import Checkpoints
import Files
import Foundation
import Testing

/// Files with a changed byte or a missing end: an error or a value, never a crash. What cannot be seen from outside, that
/// no read leaves its buffer, the bounds checks in every build see to.
@Suite("Damaged files")
struct FuzzTests {
  /// A small generator with a known sequence (SplitMix64, Steele, Lea & Flood 2014), so that a failure can be repeated.
  struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// Opens a file and uses all that is in it.
  /// - Returns: whether it was accepted.
  private func use(_ url: URL, verifyingChecksums: Bool) throws -> Bool {
    do {
      let stored: [StoredTensor]
      if url.pathExtension == "safetensors" {
        let file = try SafetensorsFile(contentsOf: url)
        stored = file.names.compactMap { file[$0] }
      } else {
        stored = tensors(in: try TorchArchive.read(url, verifyingChecksums: verifyingChecksums))
      }
      for tensor in stored {
        _ = try tensor.withUnsafeBytes { $0.reduce(0, ^) }
        _ = try tensor.tensor()
      }
      return true
    } catch let error as FileError {
      #expect(error.isBadData, "\(error)")
      return false
    }
  }

  @Test(
    "One changed byte",
    arguments: [
      "dtypes.safetensors", "metadata.safetensors", "views.pth", "nested.pth", "shared.pth", "resume_768_resume.pth",
    ])
  func flips(name: String) throws {
    let scratch = try Scratch()
    let sound = try Golden.bytes(name)
    var generator = Generator(state: 42)
    var accepted = 0
    for round in 0..<2000 {
      var bytes = sound
      // Half of the changes in the first part, where the headers and the pickle are.
      let place = Int.random(in: 0..<(round % 2 == 0 ? sound.count : min(sound.count, 1024)), using: &generator)
      bytes[place] ^= UInt8.random(in: 1...255, using: &generator)
      let url = try scratch.write(bytes, to: "a." + URL(fileURLWithPath: name).pathExtension)
      for verifying in [true, false] where try use(url, verifyingChecksums: verifying) { accepted += 1 }
    }
    #expect(accepted > 0, "changes of elements, of paddings and of dates do no harm")
  }

  @Test("A missing end", arguments: ["metadata.safetensors", "dtypes.safetensors", "views.pth", "protocol4.pth"])
  func truncations(name: String) throws {
    let scratch = try Scratch()
    let sound = try Golden.bytes(name)
    for length in 0..<sound.count {
      let url = try scratch.write(Array(sound[..<length]), to: "a." + URL(fileURLWithPath: name).pathExtension)
      #expect(try !use(url, verifyingChecksums: false), "the first \(length) bytes of \(name)")
    }
  }
}
