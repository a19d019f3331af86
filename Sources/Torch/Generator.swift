import CTorch

/// A source of random numbers whose state can be saved and restored.
public final class Generator {
  let handle: ctorch_generator

  /// - Throws: `TorchError` when the device does not exist.
  public init(seed: UInt64, device: Device = .cpu) throws(TorchError) {
    var handle: ctorch_generator?
    try checked("Generator") { ctorch_generator_new(device.code, seed, &handle, &$0) }
    guard let handle else {
      throw TorchError(kind: .failed, operatorName: "Generator", reason: "no generator was returned")
    }
    self.handle = handle
  }

  deinit {
    ctorch_generator_free(handle)
  }

  /// All that determines the numbers to come, as bytes.
  public func state() throws(TorchError) -> Tensor {
    try produce("Generator.state") { ctorch_generator_state(handle, &$0, &$1) }
  }

  /// Continues from a state that `state()` gave.
  public func restore(_ state: Tensor) throws(TorchError) {
    try withExtendedLifetime(state) { () throws(TorchError) in
      try checked("Generator.restore") { ctorch_generator_set_state(handle, state.handle, &$0) }
    }
  }
}

extension Tensor {
  /// Every element drawn from a normal distribution.
  public func fillNormal(
    mean: Double = 0, deviation: Double = 1, from generator: Generator
  ) throws(TorchError) {
    try withExtendedLifetime(generator) { () throws(TorchError) in
      try checked("fillNormal") { ctorch_normal_in_place(handle, mean, deviation, generator.handle, &$0) }
    }
  }

  /// Every element drawn from `low ..< high`.
  public func fillUniform(
    low: Double = 0, high: Double = 1, from generator: Generator
  ) throws(TorchError) {
    try withExtendedLifetime(generator) { () throws(TorchError) in
      try checked("fillUniform") { ctorch_uniform_in_place(handle, low, high, generator.handle, &$0) }
    }
  }

  /// Places (`int64`) drawn by the probabilities in the last dimension, without repetition.
  public func sample(_ count: Int, from generator: Generator) throws(TorchError) -> Tensor {
    try withExtendedLifetime(generator) { () throws(TorchError) in
      try produce("sample") { ctorch_multinomial(handle, Int64(count), generator.handle, &$0, &$1) }
    }
  }
}
