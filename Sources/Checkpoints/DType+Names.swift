import Torch

/// How safetensors and torch call the element types; what is not here is refused by name.
struct DTypeName {
  let dtype: DType
  let safetensors: String
  /// As in `torch.float32`.
  let torch: String
  /// As in `torch.FloatStorage`.
  let storage: String

  /// In safetensors' own order of increasing alignment, by which it sorts tensors when writing.
  static let all = [
    DTypeName(dtype: .bool, safetensors: "BOOL", torch: "bool", storage: "BoolStorage"),
    DTypeName(dtype: .uint8, safetensors: "U8", torch: "uint8", storage: "ByteStorage"),
    DTypeName(dtype: .int8, safetensors: "I8", torch: "int8", storage: "CharStorage"),
    DTypeName(dtype: .int16, safetensors: "I16", torch: "int16", storage: "ShortStorage"),
    DTypeName(dtype: .float16, safetensors: "F16", torch: "float16", storage: "HalfStorage"),
    DTypeName(dtype: .bfloat16, safetensors: "BF16", torch: "bfloat16", storage: "BFloat16Storage"),
    DTypeName(dtype: .int32, safetensors: "I32", torch: "int32", storage: "IntStorage"),
    DTypeName(dtype: .float32, safetensors: "F32", torch: "float32", storage: "FloatStorage"),
    DTypeName(dtype: .float64, safetensors: "F64", torch: "float64", storage: "DoubleStorage"),
    DTypeName(dtype: .int64, safetensors: "I64", torch: "int64", storage: "LongStorage"),
  ]
}
