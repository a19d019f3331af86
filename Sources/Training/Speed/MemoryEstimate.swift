import MiniMind
import Preferences
import Torch

/// The memory that a training process needs on its device, and what for.
public struct MemoryEstimate: Sendable {
  /// Something that takes memory.
  public struct Part: Sendable {
    /// What it is, in the field's terms.
    public let name: String
    /// Its size.
    public let bytes: Int
    /// How the size comes about.
    public let detail: String

    /// A part of this size.
    public init(_ name: String, _ bytes: Int, _ detail: String) {
      (self.name, self.bytes, self.detail) = (name, bytes, detail)
    }
  }

  /// What is there from the first step to the last.
  public let lasting: [Part]
  /// What is there in turns: only the largest counts.
  public let passing: [Part]

  /// All of it.
  public var parts: [Part] { lasting + passing }

  /// The most that is needed at once.
  public var peak: Int { lasting.reduce(0) { $0 + $1.bytes } + (passing.map(\.bytes).max() ?? 0) }
}

/// The largest micro-batch of a run.
public struct MicroBatchSize: Sendable, Hashable {
  /// Input tokens, a shared prefix counted once.
  public var tokens = 0
  /// The tokens that are predicted.
  public var targets = 0
}

extension Trainer {
  /// What a micro-batch needs beside the model.
  public var activationMemory: ActivationMemory {
    ActivationMemory(policy, recomputing: policy.recomputesLayers)
  }

  /// The same, with the layers recomputed in the backward pass.
  public var recomputedActivationMemory: ActivationMemory { ActivationMemory(policy, recomputing: true) }

  /// The memory that this process needs.
  ///
  /// - Parameters:
  ///   - batch: its largest micro-batch
  ///   - others: what it needs besides, for the whole run
  ///   - passing: what it needs besides at times when no micro-batch runs
  public func memoryEstimate(
    for batch: MicroBatchSize, beside others: [MemoryEstimate.Part] = [], passing: [MemoryEstimate.Part] = []
  ) -> MemoryEstimate {
    let wide = DType.float32.byteCount
    func inFloat32(_ name: String, _ count: Int, _ note: String = "") -> MemoryEstimate.Part {
      MemoryEstimate.Part(name, wide * count, "\(grouped(count)) numbers of \(wide) bytes\(note)")
    }
    func copies(of model: CausalLM) -> [MemoryEstimate.Part] {
      guard let copies = model.copies?.storage else { return [] }
      let bytes = copies.dtype.byteCount
      return [
        .init(
          "  in \(copies.dtype.rawValue)", bytes * copies.count, "\(grouped(copies.count)) numbers of \(bytes) bytes")
      ]
    }
    let count = policy.weights.storage.count
    let trained = gradients.buffer.storage.count
    let shards = ranks?.shardsOptimizer == true ? ranks.size : 1
    var lasting = others
    lasting.append(inFloat32("weights", count))
    lasting += copies(of: policy)
    if let model = reference?.model, model.weights.storage !== policy.weights.storage {
      lasting.append(inFloat32("reference", model.weights.storage.count))
      lasting += copies(of: model)
    }
    if let adapter = policy.adapter { lasting.append(inFloat32("adapter", adapter.weights.storage.count)) }
    lasting.append(inFloat32("gradients", trained))
    lasting.append(
      inFloat32(
        "AdamW's moments", 2 * trained / shards, shards == 1 ? "" : ", a part of \(shards) (ZeRO-1)"))
    let activations = MemoryEstimate.Part(
      "activations", activationMemory.bytes(batch),
      "a micro-batch of \(grouped(batch.tokens)) tokens, \(grouped(batch.targets)) of them predicted"
        + (policy.recomputesLayers ? ", recomputed by layer" : ""))
    return MemoryEstimate(lasting: lasting, passing: [activations] + passing)
  }

  /// The largest micro-batch that this process has in the run. Of a long run some steps are looked at, evenly.
  public func largestMicroBatch() -> MicroBatchSize {
    let memory = activationMemory
    let packer = packer
    return stepsLookedAt.reduce(MicroBatchSize()) { largest, step in
      packer.batches(ofStep: step).packed.reduce(largest) { largest, batch in
        let size = MicroBatchSize(tokens: batch.tokens.count, targets: batch.targets.count)
        return memory.bytes(size) > memory.bytes(largest) ? size : largest
      }
    }
  }

  /// Steps from the next one to the last, at the most a thousand.
  var stepsLookedAt: [Int] {
    let rest = plan.totalSteps - completedSteps
    guard rest > 0 else { return [] }
    return Array(stride(from: completedSteps + 1, through: plan.totalSteps, by: (rest + 999) / 1000))
  }
}
