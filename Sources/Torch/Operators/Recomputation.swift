import CKernels
import CTorch
import Foundation

/// Runs a block and keeps only its inputs for the backward pass, which runs it again (gradient checkpointing; Chen et
/// al., 2016, "Training Deep Nets with Sublinear Memory Cost").
///
/// Parameters of the block get their gradients as usual, when the backward pass reaches the block. The block must give the
/// same results when it runs again.
///
/// - Parameters:
///   - first: an input
///   - second: another input, if any
///   - results: how many tensors the body returns
///   - body: a function of the inputs
/// - Returns: what the body returned
/// - Throws: `TorchError` when LibTorch or the body fails.
public func recomputed(
  _ first: Tensor, _ second: Tensor?, results: Int,
  _ body: @escaping (Tensor, Tensor?) throws(TorchError) -> [Tensor]
) throws(TorchError) -> [Tensor] {
  let context = Unmanaged.passRetained(Block(body)).toOpaque()
  let block = ckernels_block(
    context: context,
    run: { context, inputs, count, results, error in
      guard let context, let inputs, let first = inputs[0] else { return false }
      let block = Unmanaged<Block>.fromOpaque(context).takeUnretainedValue()
      do throws(TorchError) {
        let made = try block.body(
          Tensor(owning: first), count > 1 ? inputs[1].map { Tensor(owning: $0) } : nil)
        withExtendedLifetime(made) {
          for result in made { ckernels_put_result(results, result.handle) }
        }
        return true
      } catch let failure {
        error?.pointee = strdup(failure.description)
        return false
      }
    },
    release: { context in
      if let context { Unmanaged<Block>.fromOpaque(context).release() }
    })
  var outputs = [ctorch_tensor?](repeating: nil, count: results)
  try withExtendedLifetime((first, second)) { () throws(TorchError) in
    try checked("recomputed") { ckernels_recompute(first.handle, second?.handle, block, &outputs, results, &$0) }
  }
  return try outputs.map { output throws(TorchError) in
    guard let output else {
      throw TorchError(kind: .failed, operatorName: "recomputed", reason: "nothing was returned")
    }
    return Tensor(owning: output)
  }
}

private final class Block {
  let body: (Tensor, Tensor?) throws(TorchError) -> [Tensor]

  init(_ body: @escaping (Tensor, Tensor?) throws(TorchError) -> [Tensor]) {
    self.body = body
  }
}
