import MiniMind
import Observability
import Preferences
import Torch
import Training

/// What a training run is asked to do.
struct TrainingRequest {
  /// What a run reads about its model.
  var source: ModelSource
  /// The path of the reference model; nil for the policy as it is before training.
  var reference: String?
  /// The adapter that is trained in place of the weights; nil for none, or for one of `source` that is trained further.
  var lora: LoRAConfiguration?
  /// The probability of dropout where it is not as the adapter has it.
  var loraDropout: Double?
  /// The files of pairs to learn from, and how much of each.
  var trainingPairs: [PairSource]
  /// What decides the length of an epoch of weighted files.
  var mixStrategy = PairMixture.Strategy.under
  /// The files of held-out pairs, if there are any; of several, each has a name.
  var evaluationPairs: [EvaluationFile] = []
  /// How much of the pairs to learn from is held out instead.
  var heldOut: HeldOutSize?
  /// How pairs become tokens.
  var pairs: PairOptions
  /// Where tokens are kept for the next start; nil for nowhere.
  var tokenCache: TokenCache?
  /// Where the reference's log-probabilities are kept for other runs; nil for nowhere.
  var referenceCache: ReferenceCache?
  /// What the trainer computes; intervals that depend on the number of pairs are in `output`.
  var training: TrainingOptions
  /// Whether activations are recomputed in the backward pass (gradient checkpointing).
  var recomputesLayers: Bool
  /// The ZeRO stage, 0 or 1.
  var zeroStage: Int
  /// How processes work together.
  var distribution: Distribution
  /// What the run writes, and where.
  var output: Output
  /// Whether it is only said what the run needs.
  var isDryRun = false
  /// What is measured beside held-out pairs, and what follows from measurements.
  var evaluation = Evaluation()
  /// What it does for MiniMind besides; nil where it is not MiniMind's.
  var miniMind: MiniMind?
  /// All options with the values that they have, for `config.yaml` and for comparing the processes of a job.
  var settings: [RunConfiguration.Setting]

  /// What a run writes, and where.
  struct Output {
    /// The path of its folder.
    var folder: String
    /// Whether an earlier run in the folder is replaced.
    var replacesRun: Bool
    /// What to resume from: `auto` for the newest checkpoint, or the path of one; nil for a new run.
    var checkpoint: String?
    /// The path of the folder in which the run goes on when its own is gone; nil: its own is made again.
    var rescueFolder: String?
    /// When held-out pairs are measured besides before and after training.
    var evaluations: Interval?
    /// Held-out pairs that run at once; nil for as many as in training.
    var evaluationBatchSize: Int?
    /// When checkpoints are written.
    var saves: Interval?
    /// The time after which the run ends with a checkpoint; nil for none.
    var timeLimit: TimeSpan?
    /// Whether checkpoints are written while training goes on.
    var savesAsynchronously = true
    /// Whether every host writes checkpoints and the result to its own disk.
    var savesOnEachNode = false
    /// The number of checkpoints to keep; nil for all.
    var checkpointLimit: Int?
    /// The type of the saved weights.
    var dtype: DType
    /// Whether the model with the adapter in its weights is written too.
    var merges = false
    /// Who hears of the numbers of the run besides its folder.
    var audience = MetricsAudience()
    /// Whether TensorBoard's events are written.
    var writesTensorBoard = true
  }

  /// What is measured while a model is trained, beside held-out pairs, and what follows from it.
  struct Evaluation {
    /// What decides which step is best; nil where nothing asks.
    var criterion: BestModel.Criterion?
    /// Whether the result is the model of the best step.
    var loadsBest = false
    /// The path of texts to watch for forgetting.
    var guardData: String?
    /// The part by which their loss may rise before the run ends; nil for any.
    var forgettingLimit: Double?
    /// The nats by which policy and reference may differ before the run ends; nil for any.
    var divergenceLimit: Double?
    /// The path of prompts to answer.
    var samplePrompts: String?
    /// The longest answer in tokens.
    var sampleMaxNewTokens = 128
    /// Whether the run ends where the answers break down.
    var stopsOnDegeneration = false
  }

  /// The weight file that MiniMind's scripts read, and the options that only they have.
  struct MiniMind {
    /// The folder of the file.
    var folder: String
    /// The file's name, without the width and the ending.
    var name: String
    /// The name of the LoRA file that is written instead; nil for none.
    var loraName: String?
    /// Whether MiniMind's option asked to resume.
    var asksToResume: Bool
    /// A line on each option of MiniMind's that means something else here.
    var remarks: [Phrase]
  }
}
