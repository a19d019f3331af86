/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014): the same numbers on every
/// machine and with every version of Swift, which `SystemRandomNumberGenerator` and `shuffle(using:)` do not promise.
///
/// In Python, with `M = 2**64 - 1`:
/// ```python
/// def mix(z):
///     z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M
///     z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M
///     return z ^ (z >> 31)
///
/// state = seed ^ mix(stream)                       # once; stream 0 is plain SplitMix64
/// state = (state + 0x9E3779B97F4A7C15) & M         # then per number
/// number = mix(state)
/// ```
public struct SeededGenerator: RandomNumberGenerator, Hashable, Sendable {
  private var state: UInt64

  /// A generator for one of 2⁶⁴ unrelated sequences of a seed.
  /// - Parameters:
  ///   - seed: what the user gave as `--seed`.
  ///   - stream: which sequence, for instance the epoch; 0 is the plain SplitMix64 of the seed.
  public init(seed: UInt64, stream: UInt64 = 0) {
    state = seed ^ Self.mix(stream)
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mix(state)
  }

  /// A whole number in `0..<bound`: the high half of `next() · bound`, in Python `(number * bound) >> 64`.
  ///
  /// Its bias, at most bound / 2⁶⁴, is far below what anyone could observe, and each call takes exactly one number.
  public mutating func below(_ bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// A double in `0..<1` from the upper 53 bits: in Python `(number >> 11) * 2.0**-53`.
  public mutating func unit() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// The bits of a number, each depending on all of them.
  static func mix(_ value: UInt64) -> UInt64 {
    var value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

/// The order in which an epoch visits `count` pairs: a Fisher–Yates shuffle of `0..<count`, different for every epoch
/// and reproducible from the seed alone.
///
/// In Python, with the generator of stream `epoch`:
/// `for i in range(count - 1, 0, -1): j = below(i + 1); order[i], order[j] = order[j], order[i]`.
/// - Parameters:
///   - count: how many pairs there are.
///   - seed: the run's seed.
///   - epoch: the epoch, counted from 0.
public func permutation(count: Int, seed: UInt64, epoch: Int) -> [Int] {
  permutation(count: count, seed: seed, stream: UInt64(truncatingIfNeeded: epoch))
}

/// The same shuffle with the generator of any stream.
func permutation(count: Int, seed: UInt64, stream: UInt64) -> [Int] {
  var generator = SeededGenerator(seed: seed, stream: stream)
  var order = Array(0..<count)
  for last in stride(from: count - 1, to: 0, by: -1) {
    order.swapAt(last, generator.below(last + 1))
  }
  return order
}
