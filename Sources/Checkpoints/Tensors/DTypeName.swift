import Torch

/// The names of an element type in safetensors and torch; types without both names are refused.
struct DTypeName {
  let dtype: DType
  let safetensors: String
  /// As in `torch.float32`.
  let torch: String
  /// As in `torch.FloatStorage`.
  let storage: String

  /// All types, in the order of rising alignment by which safetensors sorts tensors when writing.
  static let all = [DType.bool, .uint8, .int8, .int16, .float16, .bfloat16, .int32, .float32, .float64, .int64].map(of)

  /// The names of a type.
  static func of(_ dtype: DType) -> DTypeName {
    let names =
      switch dtype {
      case .bool: ("BOOL", "bool", "BoolStorage")
      case .uint8: ("U8", "uint8", "ByteStorage")
      case .int8: ("I8", "int8", "CharStorage")
      case .int16: ("I16", "int16", "ShortStorage")
      case .float16: ("F16", "float16", "HalfStorage")
      case .bfloat16: ("BF16", "bfloat16", "BFloat16Storage")
      case .int32: ("I32", "int32", "IntStorage")
      case .float32: ("F32", "float32", "FloatStorage")
      case .float64: ("F64", "float64", "DoubleStorage")
      case .int64: ("I64", "int64", "LongStorage")
      }
    return DTypeName(dtype: dtype, safetensors: names.0, torch: names.1, storage: names.2)
  }
}
