import DPO
import Preferences
import Torch

/// Work that was recorded, and runs again over whatever its tensors hold by then.
package protocol Recording {
  /// Queues it.
  func replay() throws(TorchError)
  /// Kernels, copies and fills of one replay.
  func nodeCount() throws(TorchError) -> Int
}

/// Makes recordings.
package protocol PassRecorder: AnyObject {
  /// Runs a body as it is, in the memory of the recordings.
  func run(_ body: () throws -> Void) throws
  /// Records what a body does on the device.
  func record(_ body: @escaping () throws -> Void) throws -> any Recording
  /// Gives up the memory, when all recordings are gone.
  func clear() throws(TorchError)
}

extension CUDAGraph: Recording {}

/// CUDA graphs, which run one after the other and so share their memory, also with passes that run as they are.
final class CUDAGraphRecorder: PassRecorder {
  private let index: Int
  private var pool: CUDAMemoryPool

  init(device index: Int) throws(TorchError) {
    self.index = index
    pool = try CUDAMemoryPool(device: index)
  }

  func run(_ body: () throws -> Void) throws {
    // While a pool is in use LibTorch does not give up what it keeps elsewhere, however little memory there is. Where another
    // thread is at that, it cannot be done; nor need it.
    try? CUDA.releaseCachedMemory()
    try pool.allocating(body)
  }

  func record(_ body: @escaping () throws -> Void) throws -> any Recording { try CUDAGraph(in: pool, body) }

  func clear() throws(TorchError) { pool = try CUDAMemoryPool(device: index) }
}

/// The micro-batches of a run on a GPU: padded to a few sizes, for each of which the computation runs once as it is, is
/// then recorded as a CUDA graph, and replayed from there on.
///
/// The kernels of a small model are done sooner than the host can launch the next ones; a graph is a single launch.
final class RecordedMicroBatches {
  /// What is computed over a micro-batch: it reads the batch and log π_ref (nil where the reference runs along), and leaves
  /// its results in tensors that stay where they are.
  typealias Pass = (DeviceBatch, Tensor?) throws -> Void

  /// A size, with the tensors that micro-batches of it pass through.
  private final class Place {
    var batch: DeviceBatch
    let reference: Tensor?
    let work = RecordedWork()

    init(_ batch: DeviceBatch, reference: Tensor?) {
      (self.batch, self.reference) = (batch, reference)
    }
  }

  private let sizes: BatchBuckets
  private let device: Device
  private let keepsReference: Bool
  private let recorder: any PassRecorder
  private var places: [BatchCapacity: Place] = [:]
  private var update = RecordedWork()

  /// Why nothing more is recorded; nil while all is well.
  private(set) var refusal: String?

  /// - Parameters:
  ///   - keepsReference: whether log π_ref is known before each pass
  ///   - recorder: of CUDA graphs, but in tests
  init(_ sizes: BatchBuckets, device: Device, keepsReference: Bool, recorder: any PassRecorder) {
    (self.sizes, self.device, self.keepsReference, self.recorder) = (sizes, device, keepsReference, recorder)
  }

  /// Runs a pass over a micro-batch.
  ///
  /// - Parameters:
  ///   - reference: log π_ref with room for so many pairs on each side, where it is kept
  ///   - asIs: the pass, where it is not replayed
  ///   - recorded: the pass as it is to be recorded
  /// - Returns: the kernels that were replayed; nil where the pass ran as it is
  /// - Throws: what a pass throws; `TorchError`.
  func run(
    _ packed: TreeBatch, reference: (_ room: Int) -> [Double], asIs: Pass, recorded: @escaping Pass
  ) throws -> Int? {
    let place = try place(for: packed)
    try place.reference?.refill(reference(place.batch.pairCapacity))
    return try run(
      place.work, asIs: { try asIs(place.batch, place.reference) },
      // The place holds the recording, not the other way round.
      recorded: { [unowned place] in try recorded(place.batch, place.reference) })
  }

  /// Runs a step's update, whose tensors are the same each time.
  ///
  /// - Throws: what it throws; `TorchError`.
  func run(update body: @escaping () throws -> Void) throws { _ = try run(update, asIs: body, recorded: body) }

  private func run(_ work: RecordedWork, asIs: () throws -> Void, recorded: @escaping () throws -> Void) throws -> Int?
  {
    if work.hasRun, work.recording == nil, refusal == nil {
      do {
        try work.set(recorder.record(recorded))
      } catch {
        refusal = String(describing: error)
        // All recordings of a stream live and end together: LibTorch frees what they have in common with any of them.
        try clear()
        if device != .cpu { try? CUDA.releaseCachedMemory() }
      }
    }
    guard let recording = work.recording else {
      // Behind a recording that failed, the pool of memory is left alone.
      try refusal == nil ? recorder.run(asIs) : asIs()
      work.hasRun = true
      return nil
    }
    try recording.replay()
    return work.kernels
  }

  /// Gives up all memory that recordings hold. Each size begins anew.
  func clear() throws(TorchError) {
    places = [:]
    update = RecordedWork()
    try recorder.clear()
  }

  private func place(for packed: TreeBatch) throws(TorchError) -> Place {
    let capacity = sizes.capacity(for: packed)
    if let known = places[capacity] {
      try known.batch.update(packed)
      return known
    }
    let made = Place(
      try DeviceBatch(packed, capacity: capacity, device: device),
      reference: keepsReference ? try .zeros([2 * capacity.pairs], dtype: .float64, device: device) : nil)
    places[capacity] = made
    return made
  }
}

/// Work that runs once as it is, so that all that happens once only happens then, and can be recorded after that.
private final class RecordedWork {
  var hasRun = false
  private(set) var recording: (any Recording)?
  private(set) var kernels = 0

  func set(_ recording: any Recording) throws(TorchError) {
    kernels = try recording.nodeCount()
    self.recording = recording
  }
}
