import Torch

/// Which inputs of an adapter a training pass drops: a matter of seed, step, rank and micro-batch, so that a resumed run drops
/// the same.
extension Trainer {
  /// Before a training pass over a micro-batch.
  func prepareDropout(step: Int, place: Int) throws(TorchError) {
    guard let adapter = policy.adapter, adapter.drops else { return }
    var key = options.seed
    for part in [step, ranks.rank, place] {
      // Multiplications by odd numbers and shifts mix bits, as in SplitMix64 (Steele et al., 2014).
      key = (key ^ (key >> 30)) &* 0xBF58_476D_1CE4_E5B9 &+ UInt64(part)
      key = (key ^ (key >> 27)) &* 0x94D0_49BB_1331_11EB
    }
    try adapter.prepareDropout(key: key)
  }

  /// Runs a training pass; elsewhere nothing is dropped.
  func withDropout(_ body: () throws(TorchError) -> Void) throws(TorchError) {
    guard let adapter = policy.adapter, adapter.drops else { return try body() }
    try adapter.dropping(body)
  }
}
