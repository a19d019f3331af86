import DPO
import Preferences
import Torch

/// Forward and backward pass over a micro-batch: adds its part to the gradients and to the sums of the step.
package typealias MicroBatchPass = (PassInputs) throws -> Void

/// What a pass over a micro-batch reads, on the device.
package struct PassInputs {
  /// The micro-batch.
  let batch: DeviceBatch
  /// log π_ref of each side, `[2 · pairs]`, where it is known already; the reference runs along where nil.
  var reference: Tensor?
  /// What ties its pairs to those of the other micro-batches, `[couplings, pairs]`; nil where the loss ties none, or there are no
  /// others.
  var couplings: Tensor?
}

/// What is known of a micro-batch's pairs before its pass, in host memory.
package struct KnownScores: Sendable {
  /// log π_ref of each side, chosen sides first; nil where it is not known.
  var reference: [Double]?
  /// The rows of `PreferenceLoss.couplings(of:)` for these pairs; nil where the pass needs none.
  var couplings: [[Double]]?
}

/// How the work of a step comes to the device: chosen once, when the trainer is made.
package protocol MicroBatchPasses: AnyObject {
  /// Copies a micro-batch to the device and runs a pass over it.
  ///
  /// - Parameters:
  ///   - known: what is known of its pairs
  ///   - isLast: whether the gradients are final after it, and leave for the other ranks
  ///   - pass: may be kept, to be recorded
  /// - Throws: what the pass throws; `TorchError`.
  func run(_ batch: TreeBatch, knowing known: KnownScores, isLast: Bool, _ pass: @escaping MicroBatchPass) throws
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
  private let reference: ReferenceModel?
  private let gradients: StepGradients
  private let clock: StepClock

  let refusal: String?

  /// - Parameter refusal: why the passes are not recorded, where they were to be
  init(
    device: Device, reference: ReferenceModel?, gradients: StepGradients, clock: StepClock, refusal: String? = nil
  ) {
    (self.device, self.reference, self.gradients, self.clock) = (device, reference, gradients, clock)
    self.refusal = refusal
  }

  func run(_ packed: TreeBatch, knowing known: KnownScores, isLast: Bool, _ pass: @escaping MicroBatchPass) throws {
    try clock.onDevice {
      let batch = try DeviceBatch(packed, device: device)
      clock.enter(.reference)
      var inputs = PassInputs(batch: batch)
      if let numbers = known.reference {
        inputs.reference = try Tensor(numbers).to(device: device)
      } else if let reference, reference.keepsResults {
        inputs.reference = try reference.logProbabilities(batch, of: packed.pairIndices)
      }
      if let rows = known.couplings {
        inputs.couplings = try Tensor(rows.flatMap(\.self), shape: [rows.count, packed.pairCount]).to(device: device)
      }
      if isLast { try gradients.expectLastBackward() }
      try pass(inputs)
    }
  }

  func runUpdate(_ update: @escaping () throws -> Void) throws { try update() }

  func releaseMemory() {}

  func takeReplayed() -> ReplayedPasses { ReplayedPasses() }
}
