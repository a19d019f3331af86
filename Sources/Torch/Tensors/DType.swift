import CTorch

/// The element type of a tensor.
public enum DType: String, Sendable, CaseIterable {
  case float64, float32, float16, bfloat16
  case int64, int32, int16, int8, uint8
  case bool

  /// The size of an element in bytes.
  public var byteCount: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// Whether elements are floating-point numbers.
  public var isFloatingPoint: Bool {
    switch self {
    case .float64, .float32, .float16, .bfloat16: true
    default: false
    }
  }

  var code: ctorch_dtype {
    switch self {
    case .float64: CTORCH_FLOAT64
    case .float32: CTORCH_FLOAT32
    case .float16: CTORCH_FLOAT16
    case .bfloat16: CTORCH_BFLOAT16
    case .int64: CTORCH_INT64
    case .int32: CTORCH_INT32
    case .int16: CTORCH_INT16
    case .int8: CTORCH_INT8
    case .uint8: CTORCH_UINT8
    case .bool: CTORCH_BOOL
    }
  }

  static func named(by code: Int32) -> DType? {
    allCases.first { $0.code.rawValue == UInt32(bitPattern: code) }
  }
}

/// A Swift type that a tensor's elements can be read and written as.
public protocol TensorElement: BitwiseCopyable, Sendable {
  /// The element type of tensors that are created from arrays of this type.
  static var dtype: DType { get }
}

extension Float: TensorElement {
  /// `float32`
  public static var dtype: DType { .float32 }
}
extension Double: TensorElement {
  /// `float64`
  public static var dtype: DType { .float64 }
}
extension Int64: TensorElement {
  /// `int64`
  public static var dtype: DType { .int64 }
}
extension Int: TensorElement {
  /// `int64`
  public static var dtype: DType { .int64 }
}
extension Int32: TensorElement {
  /// `int32`
  public static var dtype: DType { .int32 }
}
extension UInt8: TensorElement {
  /// `uint8`
  public static var dtype: DType { .uint8 }
}
extension Bool: TensorElement {
  /// `bool`
  public static var dtype: DType { .bool }
}
