/// A learnt tensor of a model.
///
/// The object stays the same for the model's life; the tensor behind it may be exchanged, for example by a view into a
/// `FlatBuffer` that holds all parameters.
public final class Parameter {
  /// The current value.
  public package(set) var value: Tensor
  /// The value in the type of matrix products, where that is another.
  package var copy: Tensor?
  /// The shape, fixed when the layer is made.
  public let shape: [Int]

  /// A parameter with storage but without meaningful content yet.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public init(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws(TorchError) {
    self.shape = shape
    value = try .empty(shape, dtype: dtype, device: device)
  }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The value as matrix products take it.
  public var weight: Weight { Weight(value, copy: copy) }
}

/// A parameter with the name it has in files, such as `model.layers.0.mlp.up_proj.weight`.
public typealias NamedParameter = (name: String, parameter: Parameter)

/// A part of a model: its own parameters and the modules it is made of.
public protocol Module: AnyObject {
  /// What the module consists of, in declaration order, under the names used in files.
  ///
  /// The order is part of the contract: flat buffers, and with them all ranks of a job, rely on it.
  var members: [Member] { get }
}

/// One named constituent of a module.
public enum Member {
  /// A parameter of the module's own.
  case parameter(String, Parameter)
  /// A module inside it.
  case module(String, any Module)
  /// Several modules numbered from 0, as the layers of a model.
  case list(String, [any Module])
}

extension Module {
  /// All parameters in declaration order with their full names; a parameter used twice appears once, under its first name.
  public var namedParameters: [NamedParameter] {
    var seen: Set<ObjectIdentifier> = []
    var found: [NamedParameter] = []
    collect(prefix: "", into: &found, seen: &seen)
    return found
  }

  private func collect(prefix: String, into found: inout [NamedParameter], seen: inout Set<ObjectIdentifier>) {
    for member in members {
      switch member {
      case .parameter(let name, let parameter):
        if seen.insert(ObjectIdentifier(parameter)).inserted { found.append((prefix + name, parameter)) }
      case .module(let name, let module):
        module.collect(prefix: prefix + name + ".", into: &found, seen: &seen)
      case .list(let name, let modules):
        for (index, module) in modules.enumerated() {
          module.collect(prefix: "\(prefix)\(name).\(index).", into: &found, seen: &seen)
        }
      }
    }
  }
}
