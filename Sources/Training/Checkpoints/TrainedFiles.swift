import Checkpoints
import Foundation
import MiniMind
import Torch

/// What a training changes, as files: a model folder, or the folder of an adapter alone.
extension CausalLM {
  /// Writes what is trained into a folder that exists, with the tokenizer's files.
  ///
  /// - Throws: `FileError` when the folder cannot be written, `TorchError`.
  public func writeTrained(to folder: URL, tokenizer: URL?, dtype: DType = .float32) throws {
    if let adapter {
      try AdapterFiles.writeFolder(adapter, of: self, to: folder, tokenizer: tokenizer, dtype: dtype)
    } else {
      try ModelFiles.writeFolder(self, to: folder, tokenizer: tokenizer, dtype: dtype)
    }
  }

  /// The files of what is trained, still to be written.
  ///
  /// - Throws: `TorchError`.
  func trainedDrafts(tokenizer: URL?) throws(TorchError) -> [FileDraft] {
    let tokenizer = ModelFiles.tokenizerDrafts(tokenizer)
    guard let adapter else { return try ModelFiles.drafts(self) + tokenizer }
    return try AdapterFiles.drafts(adapter, of: self) + tokenizer
  }

  /// Reads what is trained from such a folder; the copies of the weights stay as they are.
  ///
  /// - Throws: `FileError`, `WeightMismatch`, `AdapterError`, `WeightsNotFinite`, `TorchError`.
  func loadTrained(from folder: URL) throws {
    if let adapter {
      try adapter.load(from: folder)
    } else {
      try load(StateDictionary(contentsOf: folder))
    }
  }
}
