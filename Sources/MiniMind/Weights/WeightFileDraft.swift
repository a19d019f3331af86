import Checkpoints
import Files
import Foundation
import Torch

/// A file as MiniMind's scripts read it that is still to be written, by any thread where it was made of copies.
public struct WeightFileDraft: @unchecked Sendable {
  /// Where it is to be.
  public let file: URL
  // Writing only reads the memory of its tensors. Nobody else has them where they are copies; else nobody may change them.
  private let value: TorchValue

  /// The weights of a model: a plain dictionary from names to tensors, with the tied head under its own name too.
  ///
  /// - Parameter copies: whether the model may change before the file is written
  /// - Throws: `TorchError` when memory runs out.
  public init(_ file: URL, of model: CausalLM, dtype: DType = .float16, copies: Bool) throws {
    self.file = file
    value = try ModelFiles.torchValue(model, dtype: dtype, copies: copies)
  }

  /// The file that MiniMind's `load_lora` reads.
  ///
  /// - Parameter copies: whether the adapter may change before the file is written
  /// - Throws: `AdapterError` for an adapter that such a file cannot hold; `TorchError` when memory runs out.
  public init(_ file: URL, of adapter: Adapter, in model: CausalLM, dtype: DType = .float16, copies: Bool) throws {
    self.file = file
    value = try AdapterFiles.miniMindValue(adapter, of: model, dtype: dtype, copies: copies)
  }

  /// Writes the file. It is complete or absent.
  ///
  /// - Throws: `FileError` of the reason `cannotWrite`.
  public func write() throws { try TorchArchive.write(value, to: file) }
}
