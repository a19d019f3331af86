import Foundation
import KernelEmulation
import Testing
import Torch

@Suite("CUDA kernels: element types, and the emulation itself")
struct ElementEmulationTests {
  /// All numbers of a 16-bit type, by their bits.
  static func allNumbers(_ dtype: DType) throws -> Tensor {
    try Array(0..<UInt16.max).withUnsafeBytes { bytes in
      // Without 0xffff, which marks unwritten memory.
      Result { try Tensor(bytes: bytes, shape: [Int(UInt16.max)], dtype: dtype) }
    }.get()
  }

  @Test(
    "Casts round like LibTorch's: every number, every tie, their neighbours", arguments: [DType.bfloat16, .float16])
  func rounding(_ dtype: DType) throws {
    // A number of the low type ends in 16 (13) zero bits in float32; ties lie in the middle between two.
    let places = dtype == .bfloat16 ? 16 : 13
    let exact = try Self.allNumbers(dtype).to(.float32).array(Float.self).map(\.bitPattern)
    let tie = UInt32(1) << (places - 1)
    let offsets: [UInt32] = [0, 1, tie - 1, tie, tie + 1, 2 * tie - 1]
    var values: [Float] = [3e-8, 2.9e-8, 6e-8, 65519.9, 65520]
    for bits in exact { values += offsets.map { Float(bitPattern: bits &+ $0) } }
    // An update with a learning rate of 0 and no gradients copies the numbers to the low type; but 0 · ∞ is NaN.
    values.removeAll(where: \.isInfinite)
    let from = try Tensor(values)
    let expected = try from.to(dtype)
    let (given, to) = (try Memory(from, offset: 0), Memory([values.count], dtype, offset: 0))
    let zeros = try (0..<3).map { _ in try Memory(Tensor.zeros([values.count]), offset: 0) }
    let (rate, step) = (try Memory(Tensor([Float(0)]), offset: 0), try Memory(Tensor([Float(1)]), offset: 0))
    var arguments = AdamWArguments(
      parameters: given.floats, gradients: zeros[0].floats, first_moments: zeros[1].floats,
      second_moments: zeros[2].floats, low: to.raw, learning_rate: rate.floats, step: step.floats, divisor: nil,
      skips: nil, count: Int64(values.count), beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0)
    withExtendedLifetime(zeros) {
      expectDone(emulate_adamw(Setting.all[1].machine, dtype.emulated, &arguments))
    }
    let found = try to.written()
    let (a, b) = (try found.to(.float32).array(Float.self), try expected.to(.float32).array(Float.self))
    let wrong = a.indices.filter { !(a[$0].bitPattern == b[$0].bitPattern || (a[$0].isNaN && b[$0].isNaN)) }
    #expect(wrong.isEmpty, "\(wrong.prefix(3).map { (values[$0], a[$0], b[$0]) })")
  }

  @Test("Every number of a low type is read correctly", arguments: [DType.bfloat16, .float16])
  func reading(_ dtype: DType) throws {
    let all = try Self.allNumbers(dtype)
    let shape = [13_107, 5]
    for offset in [0, 1] {
      let (delta, zeros) = (try Memory(all, offset: offset), try Memory(Tensor.zeros(shape), offset: offset))
      let (weight, sum) = (try Memory(Tensor.ones([5]), offset: offset), Memory(shape, offset: offset))
      let (normed, scale) = (Memory(shape, offset: offset), Memory([shape[0]], offset: offset))
      var arguments = RMSNormArguments(
        x: zeros.floats, delta: delta.raw, weight: weight.floats, sum: sum.floats, normed: normed.raw,
        scale: scale.floats, rows: Int64(shape[0]), size: 5, epsilon: 1)
      expectDone(emulate_rms_norm(Setting.all[0].machine, dtype.emulated, emulated_f32, &arguments))
      let (found, expected) = (try sum.tensor().array(Float.self), try all.to(.float32).array(Float.self))
      #expect(zip(found, expected).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
    }
  }

  @Test("The emulation detects a missing barrier, and a barrier or shuffle that some threads do not reach")
  func mistakes() throws {
    func outcome(_ mistake: EmulatedMistake, _ order: EmulatedOrder) throws -> (failure: String?, values: [Float]) {
      let out = Memory([64], offset: 0)
      let failure = emulate_mistake(EmulatedMachine(multiprocessors: 1, order: order), mistake, out.floats)
      defer { free(failure) }
      return (failure.map { String(cString: $0) }, try out.tensor().array(Float.self))
    }
    for order in [emulated_ascending, emulated_descending, emulated_shuffled] {
      let right = try outcome(emulated_no_mistake, order)
      #expect(right.failure == nil && right.values == (0..<64).map { Float(63 - $0) })
      // Early threads read memory that has not been written.
      #expect(try outcome(emulated_missing_barrier, order).values.contains { $0.isNaN })
      #expect(try outcome(emulated_divergent_barrier, order).failure?.contains("thread 5 has ended") == true)
      #expect(try outcome(emulated_divergent_shuffle, order).failure?.contains("not reached by all") == true)
      #expect(try outcome(emulated_two_barriers, order).failure?.contains("waits at line") == true)
    }
  }
}
