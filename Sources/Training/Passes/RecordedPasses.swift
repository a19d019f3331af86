import DPO
import Preferences
import Torch

/// Passes on a GPU over micro-batches that are padded to a few sizes. For each size the computation runs once as it is, is then
/// captured as a CUDA graph, and replayed from there on.
///
/// The kernels of a small model are done sooner than the host can launch the next ones; a graph is a single launch.
final class RecordedPasses: MicroBatchPasses {
  private let sizes: BatchBuckets
  private let device: Device
  private let reference: ReferenceModel?
  private let loss: PreferenceLoss
  private let gradients: StepGradients
  private let clock: StepClock
  private let recordsUpdate: Bool
  private let recorder: any PassRecorder
  private var slots: [BatchCapacity: Slot] = [:]
  private var update = RecordedWork()
  private var replayed = ReplayedPasses()

  private(set) var refusal: String?

  /// - Parameters:
  ///   - recordsUpdate: whether nothing of the update is a collective operation
  ///   - recorder: makes CUDA graphs, except in tests
  init(
    _ sizes: BatchBuckets, device: Device, reference: ReferenceModel?, loss: PreferenceLoss, gradients: StepGradients,
    clock: StepClock, recordsUpdate: Bool, recorder: any PassRecorder
  ) {
    (self.sizes, self.device, self.reference, self.loss) = (sizes, device, reference, loss)
    self.gradients = gradients
    (self.clock, self.recordsUpdate, self.recorder) = (clock, recordsUpdate, recorder)
  }

  func run(_ packed: TreeBatch, knowing known: KnownScores, isLast: Bool, _ pass: @escaping MicroBatchPass) throws {
    try clock.onDevice {
      let slot = try slot(for: packed)
      let room = slot.batch.pairCapacity
      if let numbers = known.reference {
        let (chosen, rejected) = (numbers.prefix(packed.pairCount), numbers.suffix(packed.pairCount))
        try slot.reference?.refill(padded(chosen, to: room) + padded(rejected, to: room))
      } else if let reference, reference.keepsResults {
        try slot.reference?.refill(reference.keptLogProbabilities(slot.batch, of: packed.pairIndices))
      }
      if let rows = known.couplings { try slot.couplings?.refill(rows.flatMap { padded($0[...], to: room) }) }
      let kernels = try run(
        slot.work,
        asIs: {
          if isLast { try gradients.expectLastBackward() }
          try pass(slot.inputs)
        },
        // The slot holds the recording, not the other way round.
        recorded: { [unowned slot, gradients] in try gradients.recordBackward { try pass(slot.inputs) } }
      )
      guard let kernels else { return }
      replayed.count(kernels: kernels)
      if isLast { try gradients.sendRecorded() }
      clock.enter(.backward)
    }
  }

  func runUpdate(_ body: @escaping () throws -> Void) throws {
    guard recordsUpdate else { return try body() }
    _ = try run(update, asIs: body, recorded: body)
  }

  func releaseMemory() throws(TorchError) {
    slots = [:]
    update = RecordedWork()
    try recorder.clear()
  }

  func takeReplayed() -> ReplayedPasses {
    defer { replayed = ReplayedPasses() }
    return replayed
  }

  /// Replays work, records it where it has run once, or runs it as it is.
  ///
  /// - Returns: the kernels that were replayed; nil where the work ran as it is
  private func run(
    _ work: RecordedWork, asIs: () throws -> Void, recorded: @escaping () throws -> Void
  ) throws -> Int? {
    if work.hasRun, work.recording == nil, refusal == nil {
      do {
        try work.set(recorder.record(recorded))
      } catch {
        refusal = String(describing: error)
        // All recordings of a stream live and end together: LibTorch frees what they have in common with any of them.
        try releaseMemory()
        if device != .cpu { try? CUDA.releaseCachedMemory() }
      }
    }
    guard let recording = work.recording else {
      // After a recording that failed, the pool of memory is left alone.
      try refusal == nil ? recorder.run(asIs) : asIs()
      work.hasRun = true
      return nil
    }
    try recording.replay()
    return work.kernels
  }

  private func slot(for packed: TreeBatch) throws(TorchError) -> Slot {
    let capacity = sizes.capacity(for: packed)
    if let known = slots[capacity] {
      try known.batch.update(packed)
      return known
    }
    let couplings = loss.couplingCount
    let isReferenceKnown = reference.map { $0.keepsResults || couplings > 0 } ?? false
    let made = Slot(
      try DeviceBatch(packed, capacity: capacity, device: device),
      reference: isReferenceKnown ? try .zeros([2 * capacity.pairs], dtype: .float64, device: device) : nil,
      couplings: couplings > 0 ? try .zeros([couplings, capacity.pairs], dtype: .float64, device: device) : nil)
    slots[capacity] = made
    return made
  }
}

/// Numbers of pairs, with zeros for padding.
private func padded(_ numbers: ArraySlice<Double>, to room: Int) -> [Double] {
  numbers + [Double](repeating: 0, count: room - numbers.count)
}

/// The tensors that micro-batches of one size pass through.
private final class Slot {
  var batch: DeviceBatch
  /// log π_ref, where it is kept.
  let reference: Tensor?
  /// What ties its pairs to others, where something does.
  let couplings: Tensor?
  let work = RecordedWork()

  init(_ batch: DeviceBatch, reference: Tensor?, couplings: Tensor?) {
    (self.batch, self.reference, self.couplings) = (batch, reference, couplings)
  }

  var inputs: PassInputs { PassInputs(batch: batch, reference: reference, couplings: couplings) }
}

/// Work that runs once as it is, so that what happens only once happens then, and can be recorded after that.
private final class RecordedWork {
  var hasRun = false
  private(set) var recording: (any Recording)?
  private(set) var kernels = 0

  func set(_ recording: any Recording) throws(TorchError) {
    kernels = try recording.nodeCount()
    self.recording = recording
  }
}
