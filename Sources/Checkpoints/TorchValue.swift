import OrderedCollections
import Torch

/// What a `torch.save` file holds: the plain values of Python that weights, optimizers and training states consist of.
///
/// ```swift
/// let resume = try TorchArchive.read(URL(fileURLWithPath: "dpo_768_resume.pth"))
/// let step = resume["step"]?.integer
/// let moment = try resume["optimizer"]?["state"]?[0]?["exp_avg"]?.stored?.tensor()
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

  /// The value of a key of a dictionary; nil where there is none, or where this is no dictionary.
  public subscript(key: String) -> TorchValue? { dictionary?[.string(key)] }

  /// The value of an integer key of a dictionary, or the element of a list or tuple at that place; nil where there is none.
  public subscript(index: Int) -> TorchValue? {
    switch self {
    case .dictionary(let members): members[.integer(index)]
    case .list(let elements), .tuple(let elements): elements.indices.contains(index) ? elements[index] : nil
    default: nil
    }
  }

  /// Whether this is `None`.
  public var isNone: Bool { if case .none = self { true } else { false } }

  /// The value of a `bool`; nil for anything else.
  public var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }

  /// The value of an `int`; nil for anything else.
  public var integer: Int? { if case .integer(let value) = self { value } else { nil } }

  /// The value of a `float` or an `int`; nil for anything else.
  public var number: Double? {
    switch self {
    case .float(let value): value
    case .integer(let value): Double(value)
    default: nil
    }
  }

  /// The text of a `str`; nil for anything else.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The elements of a `list` or `tuple`; nil for anything else.
  public var elements: [TorchValue]? {
    switch self {
    case .list(let elements), .tuple(let elements): elements
    default: nil
    }
  }

  /// The members of a `dict`; nil for anything else.
  public var dictionary: OrderedDictionary<TorchKey, TorchValue>? {
    if case .dictionary(let members) = self { members } else { nil }
  }

  /// The tensor as it lies in the file; nil for anything else.
  public var stored: StoredTensor? { if case .tensor(let tensor) = self { tensor } else { nil } }

  /// The named tensors of a dictionary all of whose keys are strings and all of whose values are tensors; nil for
  /// anything else.
  public var stateDict: OrderedDictionary<String, StoredTensor>? {
    guard let members = dictionary else { return nil }
    var tensors: OrderedDictionary<String, StoredTensor> = [:]
    for (key, value) in members {
      guard case .string(let name) = key, case .tensor(let tensor) = value else { return nil }
      tensors[name] = tensor
    }
    return tensors
  }
}
