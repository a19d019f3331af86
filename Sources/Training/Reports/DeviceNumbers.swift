import Torch

/// A few numbers on their way from the device to the host, which can do other things meanwhile.
struct DeviceNumbers {
  private let values: Tensor
  private let arrival: CUDAEvent?

  /// Sends them.
  ///
  /// - Parameter values: `float64`
  init(_ values: Tensor) throws(TorchError) {
    guard values.device != .cpu else {
      // A copy: the next step writes over the tensor.
      self.values = try values.clone()
      arrival = nil
      return
    }
    let target = try Tensor.empty(values.shape, dtype: .float64).pinned()
    try target.copyInPlace(values, nonBlocking: true)
    self.values = target
    arrival = try CUDAEvent()
  }

  /// Waits for them.
  func array() throws(TorchError) -> [Double] {
    try arrival?.synchronize()
    return try values.array(Double.self)
  }
}
