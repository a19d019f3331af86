/// A trained tensor of a model.
///
/// The object stays the same for the lifetime of the model; its tensor may be replaced, for example by a view into a
/// `FlatBuffer` with all parameters.
public final class Parameter {
  /// The current value.
  public package(set) var value: Tensor
  /// The value in the compute dtype, if that is another type.
  package var copy: Tensor?
  /// The shape, fixed when the layer is created.
  public let shape: [Int]

  /// A parameter with storage but without meaningful values yet.
  ///
  /// - Throws: `TorchError` when memory runs out.
  public init(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws(TorchError) {
    self.shape = shape
    value = try .empty(shape, dtype: dtype, device: device)
  }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// The weight for matmuls.
  public var weight: Weight { Weight(value, copy: copy) }
}

/// A parameter with the name it has in files, such as `model.layers.0.mlp.up_proj.weight`.
public typealias NamedParameter = (name: String, parameter: Parameter)

/// A part of a model, with parameters and submodules.
public protocol Module: AnyObject {
  /// The members of the module, in declaration order, with their names in files.
  ///
  /// The order is part of the contract: flat buffers, and with them all ranks of a job, depend on it.
  var members: [Member] { get }
}

/// A named member of a module.
public enum Member {
  /// A parameter.
  case parameter(String, Parameter)
  /// A submodule.
  case module(String, any Module)
  /// Several submodules numbered from 0, such as the layers of a model.
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
