import DPO
import Preferences
import Torch

/// Forward and backward pass over a micro-batch: adds its part to the gradients and to the sums of the step.
///
/// Its arguments are the micro-batch and log π_ref where that is kept, else nil: the reference then runs along.
package typealias MicroBatchPass = (DeviceBatch, Tensor?) throws -> Void

/// How the work of a step comes to the device: chosen once, when the trainer is made.
package protocol MicroBatchPasses: AnyObject {
  /// Copies a micro-batch to the device and runs a pass over it.
  ///
  /// - Parameters:
  ///   - isLast: whether the gradients are final after it, and leave for the other ranks
  ///   - pass: may be kept, to be recorded
  /// - Throws: what the pass throws; `TorchError`.
  func run(_ batch: TreeBatch, isLast: Bool, _ pass: @escaping MicroBatchPass) throws
  /// Runs the update of a step, which works on the same tensors each time.
  ///
  /// - Throws: what the update throws; `TorchError`.
  func runUpdate(_ update: @escaping () throws -> Void) throws
  /// Gives up the memory of all recordings.
  func releaseMemory() throws(TorchError)
  /// The passes that were replayed from a recording since this was last called.
  func takeReplayed() -> ReplayedPasses
  /// Why passes are not recorded although they were to be; nil where all is well.
  var refusal: String? { get }
}

/// Passes that run operator by operator, over micro-batches without padding.
final class PlainPasses: MicroBatchPasses {
  private let device: Device
  private let reference: ReferenceModel
  private let gradients: StepGradients
  private let clock: StepClock

  init(device: Device, reference: ReferenceModel, gradients: StepGradients, clock: StepClock) {
    (self.device, self.reference, self.gradients, self.clock) = (device, reference, gradients, clock)
  }

  func run(_ packed: TreeBatch, isLast: Bool, _ pass: @escaping MicroBatchPass) throws {
    try clock.onDevice {
      let batch = try DeviceBatch(packed, device: device)
      clock.enter(.reference)
      let kept = try reference.keepsResults ? reference.logProbabilities(batch, of: packed.pairIndices) : nil
      if isLast { try gradients.expectLastBackward() }
      try pass(batch, kept)
    }
  }

  func runUpdate(_ update: @escaping () throws -> Void) throws { try update() }

  func releaseMemory() {}

  func takeReplayed() -> ReplayedPasses { ReplayedPasses() }

  var refusal: String? { nil }
}
