import Foundation
import MiniMind
import Tokenization

/// Whether models and tokenizers belong together, as far as their sizes tell.
enum VocabularyCheck {
  /// Policy and reference score the same token ids, so both must have the same vocabulary.
  ///
  /// - Throws: `Failure` that names both sizes.
  static func requireSame(policy: CausalLM, reference: CausalLM) throws {
    let sizes = (policy: policy.configuration.vocabularySize, reference: reference.configuration.vocabularySize)
    guard sizes.policy != sizes.reference else { return }
    throw Failure(
      .badData,
      "--ref-model has a vocabulary of \(sizes.reference) tokens, but --model has \(sizes.policy): the reference must be a "
        + "model with the same tokenizer, as a rule the one that the policy started from.")
  }

  /// The tokenizer of a folder for use with a model.
  ///
  /// - Parameter warn: told, in one sentence, where the tokenizer has fewer ids than the model scores: a padded table of the
  ///   right model looks the same as the wrong tokenizer, so this is no error
  /// - Throws: `TokenizerError`.
  static func tokenizer(in folder: URL, for model: CausalLM, warn: (String) -> Void) throws -> Tokenizer {
    let tokenizer = try Tokenizer(folder: folder)
    let (ids, scored) = (tokenizer.vocabularySize, model.configuration.vocabularySize)
    if ids < scored {
      warn(
        "the tokenizer in \(folder.path) has \(ids) token ids, but the model scores \(scored); unless the model's table is "
          + "only padded, name the model's own tokenizer with --tokenizer.")
    }
    return tokenizer
  }
}
