import Torch

/// The optimizer's state in the layout of one process, as a checkpoint holds it, whatever the number of ranks.
extension WeightUpdate {
  /// A moment of AdamW.
  enum Moment: String, CaseIterable {
    case first, second
  }

  /// A moment of all parameters in the layout of the weights; called by all ranks.
  ///
  /// - Parameter receiver: the rank that needs it
  /// - Returns: nil on all other ranks; it may be the optimizer's own memory
  func gather(_ moment: Moment, to receiver: Int) throws(TorchError) -> FlatBuffer? {
    guard ranks?.shardsOptimizer == true else {
      // Every rank holds everything: the receiver needs neither the others nor a copy.
      return ranks.rank == receiver ? try FlatBuffer(viewing: self.moment(moment, of: 0), as: layout) : nil
    }
    let whole = ranks.rank == receiver ? try FlatBuffer(like: layout) : nil
    try forEachSlice(of: 0..<ranks.size) { rank, slice, number throws(TorchError) in
      let own = number.map { self.moment(moment, of: $0) }
      if let whole {
        let target = try whole.storage.narrow(0, slice.lowerBound, slice.count)
        if let own { try target.copyInPlace(own) } else { try receive(into: target, from: rank) }
      } else if let own {
        try ranks?.control.send(own.to(device: .cpu), to: receiver)
      }
    }
    return whole
  }

  /// The opposite: every rank takes its part of what one of them has; called by all ranks.
  ///
  /// - Parameters:
  ///   - whole: nil on all ranks but that one
  ///   - sender: the rank that has it
  func scatter(_ moment: Moment, from whole: FlatBuffer?, of sender: Int) throws(TorchError) {
    try forEachSlice(of: 0..<ranks.size) { rank, slice, number throws(TorchError) in
      let own = number.map { self.moment(moment, of: $0) }
      if let whole {
        let source = try whole.storage.narrow(0, slice.lowerBound, slice.count)
        if let own { try own.copyInPlace(source) } else { try ranks?.control.send(source.to(device: .cpu), to: rank) }
      } else if let own {
        try receive(into: own, from: sender)
      }
    }
  }

  /// Receives through the control group, which carries tensors in host memory.
  private func receive(into target: Tensor, from rank: Int) throws(TorchError) {
    let received = try target.device == .cpu ? target : Tensor.empty(target.shape, dtype: target.dtype)
    try ranks?.control.receive(into: received, from: rank)
    if target.device != .cpu { try target.copyInPlace(received) }
  }

  private func moment(_ moment: Moment, of optimizer: Int) -> Tensor {
    switch moment {
    case .first: optimizers[optimizer].firstMoments.storage
    case .second: optimizers[optimizer].secondMoments.storage
    }
  }

  /// Visits the slices of some ranks, in the same order on all of them.
  ///
  /// - Parameter body: gets the rank that holds the slice, the slice, and, on that rank, the number of its optimizer
  private func forEachSlice(
    of holders: Range<Int>, _ body: (Int, Range<Int>, Int?) throws(TorchError) -> Void
  ) throws(TorchError) {
    for rank in holders {
      for (number, slice) in slices(of: rank).enumerated() {
        try body(rank, slice, rank == ranks.rank ? number : nil)
      }
    }
  }
}
