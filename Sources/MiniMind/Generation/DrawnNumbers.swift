/// The random numbers of one sample: SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators",
/// 2014), started from the seed, the prompt's number and the sample's.
///
/// A sample has numbers of its own, so what is drawn for it depends neither on the device nor on which samples run beside
/// it. In Python, with `mix` the finalizer of SplitMix64 and `G = 0x9E3779B97F4A7C15`:
/// ```python
/// state = mix(mix(mix(seed + G) ^ (prompt + G)) ^ (sample + G))    # once, modulo 2**64
/// state = state + G; number = (mix(state) >> 11) * 2.0**-53        # per token
/// ```
package struct DrawnNumbers {
  private var state: UInt64
  private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

  package init(seed: UInt64, prompt: Int, sample: Int) {
    func word(_ number: Int) -> UInt64 { UInt64(truncatingIfNeeded: number) &+ Self.step }
    state = Self.mix(Self.mix(Self.mix(seed &+ Self.step) ^ word(prompt)) ^ word(sample))
  }

  /// The next number, in `0..<1`.
  package mutating func next() -> Double {
    state &+= Self.step
    return Double(Self.mix(state) >> 11) * 0x1p-53
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
