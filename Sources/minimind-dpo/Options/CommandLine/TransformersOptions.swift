/// The options of TRL's `DPOConfig`, `ModelConfig` and `ScriptArguments` and of `transformers`' `TrainingArguments` that are
/// not options of this program: what each becomes, or the sentence that answers it.
///
/// Names and meanings are those of TRL 1.16 and transformers 5.24, with a few that earlier versions had.
struct TransformersOptions {
  /// What becomes of an option.
  enum Meaning {
    /// Another name of one of this program's options.
    case spelling(of: String)
    /// A truth value; true stands for the first option, false for the second.
    case choice(ifTrue: (name: String, value: String)?, ifFalse: (name: String, value: String)?)
    /// What this program does in any case: these values are accepted, others are answered.
    case always([String], String)
    /// Refused with a sentence.
    case answer(String)
  }

  /// How an option takes its value.
  enum Kind { case value, optionalValue, flag }

  private let catalog: OptionCatalog
  private var meanings: [String: Meaning] = [:]

  /// The options that have a meaning, or an answer, in a command.
  init(_ catalog: OptionCatalog) {
    self.catalog = catalog
    let isTraining = ["train", "sft", "sweep"].contains(catalog.command)
    func has(_ name: String?) -> Bool { name.map { catalog[$0] != nil } ?? true }
    for (name, meaning) in Self.taken {
      let applies =
        switch meaning {
        case .spelling(let target): has(target)
        case .choice(let ifTrue, let ifFalse): has(ifTrue?.name) && has(ifFalse?.name)
        case .always, .answer: isTraining
        }
      if applies { meanings[name] = meaning }
    }
    guard isTraining else { return }
    for (names, sentence) in Self.answers {
      for name in names where catalog[name] == nil { meanings[name] = .answer(sentence) }
    }
  }

  /// The names that are taken, for suggestions.
  var spellings: [String] {
    meanings.compactMap { name, meaning in if case .answer = meaning { nil } else { name } }
  }

  /// How an option of the command, or of this table, takes its value; nil for an unknown one.
  func kind(of name: String) -> Kind? {
    if let entry = catalog[name] { return entry.takesValue ? .value : .flag }
    return switch meanings[name] {
    case .spelling(let target): kind(of: target)
    case .choice: .flag
    case .always, .answer: .optionalValue
    case nil: nil
    }
  }

  /// Whether several values may follow the name of an option, in any of its spellings.
  func takesSeveral(_ name: String) -> Bool {
    if let entry = catalog[name] { return entry.takesSeveral }
    if case .spelling(let target)? = meanings[name] { return takesSeveral(target) }
    return false
  }

  /// The option in this program's words; nil where it says what is so anyway.
  ///
  /// - Throws: `Failure` with the sentence that answers an option without a meaning here
  func translated(_ option: GivenOptions.Option) throws -> GivenOptions.Option? {
    var option = option
    switch meanings[option.name] {
    case nil: break
    case .spelling(let target): option.name = target
    case .choice(let ifTrue, let ifFalse):
      guard let isTrue = option.value.map(Self.truth) ?? true else {
        throw Failure(
          .usage, "\(option.typed)\(option.origin.place): \"\(option.value ?? "")\" is neither true nor false.")
      }
      guard let choice = isTrue ? ifTrue : ifFalse else { return nil }
      (option.name, option.value) = choice
    case .always(let values, let sentence):
      if values.contains(option.value?.lowercased() ?? "true") || option.isNull { return nil }
      throw Failure(.usage, "\(option.typed)\(option.origin.place): \(sentence)")
    case .answer(let sentence):
      if option.isNull { return nil }
      throw Failure(.usage, "\(option.typed)\(option.origin.place): \(sentence)")
    }
    return inOurValues(option)
  }

  /// Values of this program's own options that only `transformers` has.
  private func inOurValues(_ option: GivenOptions.Option) -> GivenOptions.Option? {
    var option = option
    switch (option.name, option.value) {
    case ("resume-from-checkpoint", let value?) where ["true", "false"].contains(value.lowercased()):
      if value.lowercased() == "false" { return nil }
      option.value = "auto"
    // No limit on the steps: the epochs count.
    case ("max-steps", "-1"?): return nil
    case ("warmup-steps", let value?):
      // From version 5 on a number below 1 is a part of the run.
      if let part = Double(value), part > 0, part < 1 { option.name = "warmup-ratio" }
    default: break
    }
    return option
  }

  /// A truth value as YAML, Python and `transformers` write it; nil for another word.
  static func truth(_ word: String) -> Bool? {
    switch word.lowercased() {
    case "true", "yes", "on", "1": true
    case "false", "no", "off", "0": false
    default: nil
    }
  }
}

extension TransformersOptions {
  private static let taken: [String: Meaning] = [
    "model-name-or-path": .spelling(of: "model"),
    "ref-model-name-or-path": .spelling(of: "ref-model"),
    "tokenizer-name-or-path": .spelling(of: "tokenizer"),
    "lr": .spelling(of: "learning-rate"),
    "num-return-sequences": .spelling(of: "num-samples"),
    "num-generations": .spelling(of: "num-samples"),
    "val-size": .spelling(of: "eval-split"),
    "per-gpu-train-batch-size": .spelling(of: "per-device-train-batch-size"),
    "evaluation-strategy": .spelling(of: "eval-strategy"),
    "ddp-backend": .spelling(of: "backend"),
    "ddp-timeout": .spelling(of: "collective-timeout"),
    "precompute-ref-log-probs": .choice(ifTrue: ("ref-logps", "cache"), ifFalse: ("ref-logps", "online")),
    "use-cpu": .choice(ifTrue: ("device", "cpu"), ifFalse: nil),
    "no-cuda": .choice(ifTrue: ("device", "cpu"), ifFalse: nil),
    "shuffle-dataset": .choice(ifTrue: nil, ifFalse: ("no-shuffle", "true")),
    "do-train": .always(["true"], "this command trains; minimind-dpo eval only measures."),
    "do-eval": .always(["true", "false"], "held-out pairs are measured where --eval-data names them."),
    "eval-on-start": .always(["true"], "held-out pairs are always measured before the first step."),
    "padding-free": .always(["true"], "batches are never padded here."),
    "packing": .always(["true", "false"], "texts are always packed, and none sees another."),
    "disable-dropout": .always(["true"], "no dropout is applied in training."),
    "full-determinism": .always(
      ["true", "false"], "the same seed on the same machine gives the same weights on a CPU in any case."),
    "logging-strategy": .always(["steps"], "--logging-steps says after how many steps a record is written."),
    "lora-task-type": .always(["causal_lm"], "models here are causal language models."),
    "dataset-train-split": .always(
      ["train"], "pairs are read from files; name them with --train-data and --eval-data."),
  ]

  private static let answers: [(names: [String], sentence: String)] = [
    (
      ["optim", "optim-args", "optim-target-modules"],
      "the optimizer is always AdamW; set it with --weight-decay, --adam-beta1, --adam-beta2 and --adam-epsilon."
    ),
    (["dataset-num-proc"], "pairs are tokenized on all cores without further processes; leave it out."),
    (
      ["max-prompt-length", "max-completion-length"],
      "there is one limit, --max-length, for prompt and answer together; --truncation-mode says which end is kept."
    ),
    (
      ["lora-target-parameters", "lora-modules-to-save"],
      "adapters are of linear layers, which --lora-target-modules names; nothing else is trained beside them."
    ),
    (
      ["load-in-8bit", "load-in-4bit", "bnb-4bit-quant-type", "use-bnb-nested-quant", "bnb-4bit-quant-storage"],
      "weights are kept in float32; --precision sets the type of matmuls."
    ),
    (["torch-dtype"], "weights are kept in float32; --precision sets the type of matmuls."),
    (
      ["dataset-name", "dataset-config", "dataset-test-split", "dataset-streaming"],
      "pairs are read from files; name them with --train-data and --eval-data."
    ),
    (["model-revision", "trust-remote-code", "model-init-kwargs"], "models are read from local files, as they are."),
    (
      [
        "push-to-hub", "hub-token", "hub-private-repo", "hub-model-id", "hub-strategy", "hub-always-push",
        "hub-revision",
      ], "nothing is uploaded; the folder of the result can be pushed with the tools of Hugging Face."
    ),
    (
      ["trackio-space-id", "trackio-bucket-id", "trackio-static-space-id"],
      "Trackio reads the variables TRACKIO_SPACE_ID and TRACKIO_BUCKET_ID."
    ),
    (
      [
        "attn-implementation", "use-liger-kernel", "liger-kernel-config", "torch-compile", "torch-compile-backend",
        "torch-compile-mode", "use-cache",
      ], "fused kernels are built in and always used; leave it out."
    ),
    (
      ["save-only-model", "save-on-each-node", "enable-jit-checkpoint", "restore-callback-states-from-checkpoint"],
      "checkpoints always hold all that is needed to resume, and the first process writes them; leave it out."
    ),
    (
      ["deepspeed", "fsdp", "fsdp-config", "parallelism-config", "accelerator-config"],
      "several processes are started with --nproc-per-node or minimind-dpo launch; --zero-stage 1 divides the optimizer's "
        + "state among them."
    ),
    (
      [
        "dataloader-num-workers", "dataloader-pin-memory", "dataloader-persistent-workers",
        "dataloader-prefetch-factor",
        "dataloader-multiprocessing-context", "dataloader-in-order",
      ], "a thread prepares the batches ahead of time; there are no loader processes."
    ),
    (["dataloader-drop-last"], "the last, smaller batch of an epoch is always used."),
    (
      ["group-by-length", "train-sampling-strategy", "length-column-name", "pad-to-multiple-of", "pad-token"],
      "batches are not padded, so the lengths of their pairs do not matter; leave it out."
    ),
    (["remove-unused-columns", "label-names"], "only the keys of a preference pair are read; leave it out."),
    (["reference-free"], "--loss-type simpo, orpo and cpo need no reference, and none is then loaded."),
    (["label-smoothing-factor"], "use --label-smoothing."),
    (["data-seed"], "one seed, --seed, decides everything."),
    (
      [
        "neftune-noise-alpha", "lr-scheduler-kwargs",
      ], "this version does not have it; see minimind-dpo train --help for what it has."
    ),
    (
      ["auto-find-batch-size"],
      "micro-batches shrink by themselves when memory runs short; --micro-batch-tokens auto finds the fastest size."
    ),
    (
      ["packing-strategy", "eval-packing"],
      "texts are packed into micro-batches by tokens (--micro-batch-tokens), in training and evaluation alike, and none is cut for it."
    ),
    (
      ["completion-only-loss", "assistant-only-loss"],
      "--completion-mask says which tokens are learned: of a prompt and completion the completion's, of a conversation the assistant's."
    ),
    (["dataset-text-field"], "the key of a plain text is named with --columns text=KEY."),
    (["precompute-ref-batch-size"], "the reference is computed in batches of --per-device-train-batch-size."),
    (
      [
        "gradient-checkpointing-kwargs", "activation-checkpointing", "activation-checkpointing-kwargs",
        "activation-offloading", "torch-empty-cache-steps",
      ], "--gradient-checkpointing saves memory, and has no further settings."
    ),
    (
      [
        "log-level", "log-level-replica", "log-on-each-node", "logging-nan-inf-filter", "disable-tqdm", "logging-dir",
        "include-num-input-tokens-seen", "skip-memory-metrics", "debug",
      ], "the log has no such setting; the environment variable MINIMIND_DPO_LOG sets its level (debug … error)."
    ),
    (
      [
        "eval-delay", "eval-accumulation-steps", "prediction-loss-only", "bf16-full-eval", "fp16-full-eval",
        "batch-eval-metrics", "include-for-metrics", "eval-do-concat-batches", "eval-use-gather-object", "do-predict",
      ], "evaluation has no such setting; see --eval-data, --eval-strategy and --eval-steps."
    ),
    (
      [
        "ddp-find-unused-parameters", "ddp-bucket-cap-mb", "ddp-broadcast-buffers", "ddp-static-graph",
        "average-tokens-across-devices", "ignore-data-skip",
      ], "there is nothing to set: loss and gradients are means over the pairs of all processes."
    ),
    (
      [
        "local-rank", "node-rank", "master-addr", "master-port", "standalone", "rdzv-backend", "rdzv-endpoint",
        "rdzv-id",
      ],
      "it belongs to the launcher: minimind-dpo launch … train …; see minimind-dpo launch --help."
    ),
  ]
}
