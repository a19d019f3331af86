import CTorch

/// A random generator whose state can be saved and restored.
public final class Generator {
  let handle: ctorch_generator

  /// A generator with the same numbers as PyTorch's for the same seed.
  ///
  /// - Throws: `TorchError` when the device does not exist.
  public init(seed: UInt64, device: Device = .cpu) throws(TorchError) {
    handle = try newHandle("Generator") { ctorch_generator_new(device.code, seed, &$0, &$1) }
  }

  deinit {
    ctorch_generator_free(handle)
  }

  /// The state, which determines all further numbers, as bytes.
  ///
  /// - Throws: `TorchError` when LibTorch fails.
  public func state() throws(TorchError) -> Tensor {
    try withExtendedLifetime(self) { () throws(TorchError) in
      try produce("Generator.state") { ctorch_generator_state(handle, &$0, &$1) }
    }
  }

  /// Continues from a state that `state()` returned.
  ///
  /// - Throws: `TorchError` when the bytes are not the state of such a generator.
  public func restore(_ state: Tensor) throws(TorchError) {
    try withExtendedLifetime((self, state)) { () throws(TorchError) in
      try checked("Generator.restore") { ctorch_generator_set_state(handle, state.handle, &$0) }
    }
  }
}

extension Tensor {
  /// Overwrites all elements with draws from a normal distribution.
  ///
  /// - Throws: `TorchError` when the type is not floating-point, the deviation is negative, or the generator is on another device.
  public func fillNormal(
    mean: Double = 0, deviation: Double = 1, from generator: Generator
  ) throws(TorchError) {
    try withExtendedLifetime(generator) { () throws(TorchError) in
      try perform("fillNormal") { ctorch_normal_in_place(handle, mean, deviation, generator.handle, &$0) }
    }
  }

  /// Overwrites all elements with uniform draws from `low ..< high`.
  ///
  /// - Throws: `TorchError` when the type is not floating-point, the range is empty, or the generator is on another device.
  public func fillUniform(
    low: Double = 0, high: Double = 1, from generator: Generator
  ) throws(TorchError) {
    try withExtendedLifetime(generator) { () throws(TorchError) in
      try perform("fillUniform") { ctorch_uniform_in_place(handle, low, high, generator.handle, &$0) }
    }
  }

  /// Indices (`int64`) drawn with the probabilities in the last dimension, without replacement.
  ///
  /// - Throws: `TorchError` when probabilities are negative or not finite, or fewer than `count` are above 0.
  public func sample(_ count: Int, from generator: Generator) throws(TorchError) -> Tensor {
    try withExtendedLifetime(generator) { () throws(TorchError) in
      try derive("sample") { ctorch_multinomial(handle, Int64(count), generator.handle, &$0, &$1) }
    }
  }
}
