import Files
import Torch

/// The globals that a pickle may name: those that tensors and training states need, and only makes a value.
/// Everything else is refused before it has any effect; nothing is ever looked up or called.
enum PickleGlobal {
  case orderedDict
  case rebuildTensor
  case rebuildTensorV2
  case rebuildTensorV3
  case rebuildParameter
  case rebuildParameterWithState
  /// The type of a storage; nil for the untyped one, which counts bytes.
  case storage(DType?)
  case dtype(DType)
  case size
  case device
  /// `_codecs.encode`, by which protocol 2 writes `bytes`.
  case encode
  case bytes

  /// The global of a name, or nil for one that is not on the list.
  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDict
    case ("torch._utils", "_rebuild_tensor"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensorV2
    case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTensorV3
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch._utils", "_rebuild_parameter_with_state"): self = .rebuildParameterWithState
    case ("torch.storage", "UntypedStorage"): self = .storage(nil)
    case ("torch", "Size"): self = .size
    case ("torch", "device"): self = .device
    case ("_codecs", "encode"): self = .encode
    case ("builtins", "bytes"), ("__builtin__", "bytes"): self = .bytes
    case ("torch", _):
      if let type = DTypeName.all.first(where: { $0.torch == name }) {
        self = .dtype(type.dtype)
      } else if let type = DTypeName.all.first(where: { $0.storage == name }) {
        self = .storage(type.dtype)
      } else {
        return nil
      }
    default: return nil
    }
  }

  /// The error for a global that is not on the list.
  static func refusal(module: String, name: String, file: String) -> FileError {
    let otherTypes = ["uint", "int", "complex", "float", "bits", "qint", "quint"]
    if module == "torch", name.hasSuffix("Storage") || otherTypes.contains(where: name.hasPrefix) {
      return FileError(
        .unsupported, file: file, "holds elements of a type that is not supported, torch.\(name)",
        remedy: "convert it to one of " + DTypeName.all.map { "torch.\($0.torch)" }.joined(separator: ", "))
    }
    return FileError(
      .unsupported, file: file,
      "names \(module).\(name), which is not one of the globals that weights need and might run code when loaded",
      remedy:
        "if you trust the file, load it in Python with torch.load(..., weights_only=False), and torch.save a plain "
        + "dictionary of its tensors and numbers")
  }
}
