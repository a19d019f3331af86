import Checkpoints
import Foundation
import Testing
import Torch

/// GGUF files, compared with what PyPI's gguf writes (Tools/reference/gguf_file.py).
@Suite("GGUF files") struct GGUFTests {
  /// The script's numbers.
  private func numbers(_ shape: [Int]) throws -> Tensor {
    let values = (0..<shape.reduce(1, *)).map { i -> Float in
      if i < 32 { return 0 }
      if i < 64 { return i == 63 ? 127 : Float(i - 32) * 0.5 }
      return Float(Double(i * 2_654_435_761 % 4_294_967_296) / 4_294_967_296 - 0.5)
    }
    return try Tensor(values).reshape(shape)
  }

  private let metadata: [(key: String, value: GGUFValue)] = [
    ("general.architecture", .string("qwen3")), ("a.count", .uint32(7)), ("a.number", .float32(1e-6)),
    ("a.truth", .bool(true)), ("a.text", .string("你好, gguf")), ("a.texts", .strings(["a", "", "Ġb"])),
    ("a.numbers", .int32s([1, -2, 3])),
  ]

  @Test("A file has the bytes that PyPI's gguf writes")
  func bytes() throws {
    let scratch = try Scratch()
    let halves = try [0, 1].map { try numbers([2, 2, 32]).select(0, $0) }
    let tensors = [
      GGUFTensor("single", try numbers([3, 5]), as: .float32), GGUFTensor("half", try numbers([2, 64]), as: .float16),
      GGUFTensor("blocks", try numbers([4, 64]), as: .q8_0), GGUFTensor("stacked", stacking: halves, as: .float32),
      GGUFTensor("row", try numbers([96]), as: .float32),
    ]
    try GGUF.write(metadata, tensors, to: scratch.file("small.gguf"))
    let written = Array(try Data(contentsOf: scratch.file("small.gguf")))
    #expect(try written == Golden.bytes("small.gguf"))
  }

  @Test("Rows that do not divide into blocks are stored in half precision, and rows may be written in another order")
  func rows() throws {
    let scratch = try Scratch()
    let odd = GGUFTensor("odd", try numbers([2, 48]), as: .q8_0)
    #expect(odd.encoding == .float16 && odd.shape == [2, 48])
    let turned = GGUFTensor("t", try numbers([3, 2]), as: .float32) { [2, 0, 1][$0] }
    try GGUF.write([], [turned], to: scratch.file("turned.gguf"))
    let tail = try Data(contentsOf: scratch.file("turned.gguf")).suffix(32).prefix(24)
    let values = tail.withUnsafeBytes { bytes in
      (0..<6).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
    }
    let plain = try numbers([3, 2]).array(Float.self)
    let expected: [Float] = [plain[4], plain[5], plain[0], plain[1], plain[2], plain[3]]
    #expect(values == expected)
  }
}
