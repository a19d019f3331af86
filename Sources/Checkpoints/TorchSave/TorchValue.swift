import OrderedCollections
import OrderedJSON
import Torch

/// The contents of a `torch.save` file: the plain Python values that weights, optimizers and training states consist of.
///
/// ```swift
/// let resume = try TorchArchive.read(URL(fileURLWithPath: "dpo_768_resume.pth"))
/// let embedding = try resume["model"]?["model.embed_tokens.weight"]?.stored?.tensor()
/// ```
public enum TorchValue {
  /// `None`
  case none
  /// `True`, `False`
  case boolean(Bool)
  /// `int`; beyond 64 bits is refused.
  case integer(Int)
  /// `float`
  case float(Double)
  /// `str`
  case string(String)
  /// `bytes`
  case bytes([UInt8])
  /// `list`
  case list([TorchValue])
  /// `tuple`
  case tuple([TorchValue])
  /// `dict`, in its order; an `OrderedDict` is read as one, without its attributes (`_metadata`).
  case dictionary(OrderedDictionary<TorchKey, TorchValue>)
  /// `torch.Tensor`; a `Parameter` is read as one.
  case tensor(StoredTensor)
  /// `torch.dtype`
  case dtype(DType)
  /// `torch.Size`
  case size([Int])
  /// `torch.device`, as `cuda:0`
  case device(String)
}

/// What a Python dictionary in a `torch.save` file may have as a key.
public enum TorchKey: Hashable, Sendable {
  /// `None`
  case none
  /// `True`, `False`
  case boolean(Bool)
  /// `int`: the numbers of parameters in an optimizer's state.
  case integer(Int)
  /// `float`
  case float(Double)
  /// `str`: the names of tensors.
  case string(String)
  /// `bytes`
  case bytes([UInt8])
  /// `tuple`
  case tuple([TorchKey])
}

extension TorchKey {
  /// Whether both are the same key; strings are compared by code points.
  public static func == (left: TorchKey, right: TorchKey) -> Bool {
    switch (left, right) {
    case (.none, .none): true
    case (.boolean(let a), .boolean(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.float(let a), .float(let b)): a == b
    case (.string(let a), .string(let b)): a.isSameText(as: b)
    case (.bytes(let a), .bytes(let b)): a == b
    case (.tuple(let a), .tuple(let b)): a == b
    default: false
    }
  }

  /// Equal keys hash alike.
  public func hash(into hasher: inout Hasher) {
    switch self {
    case .none: hasher.combine(0)
    case .boolean(let value): hasher.combine(value)
    case .integer(let value): hasher.combine(value)
    case .float(let value): hasher.combine(value)
    case .string(let value): hasher.combine(ExactText(value))
    case .bytes(let value): hasher.combine(value)
    case .tuple(let values): hasher.combine(values)
    }
  }
}

extension TorchKey: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral {
  /// A `str`.
  public init(stringLiteral value: String) { self = .string(value) }
  /// An `int`.
  public init(integerLiteral value: Int) { self = .integer(value) }
}

extension TorchValue {
  /// A tensor, ready to be written; it must not be changed before it is.
  public init(_ tensor: Tensor) throws { self = .tensor(try StoredTensor(tensor)) }

  /// A dictionary of named tensors, as MiniMind's weight files are.
  public init(stateDict tensors: some Sequence<(key: String, value: StoredTensor)>) {
    self = .dictionary(
      OrderedDictionary(
        tensors.map { (TorchKey.string($0.key), TorchValue.tensor($0.value)) }, uniquingKeysWith: { _, last in last }))
  }

  /// The value of a key of a dictionary; nil if there is none, or if this is not a dictionary.
  public subscript(key: String) -> TorchValue? { dictionary?[.string(key)] }

  /// The members of a `dict`; nil for anything else.
  public var dictionary: OrderedDictionary<TorchKey, TorchValue>? {
    if case .dictionary(let members) = self { members } else { nil }
  }

  /// The stored tensor; nil for anything else.
  public var stored: StoredTensor? { if case .tensor(let tensor) = self { tensor } else { nil } }
}
