import Checkpoints
import Files
import Foundation
import OrderedCollections
import OrderedJSON
import Testing
import Torch

@Suite("safetensors; goldens by Tools/reference/checkpoints.py")
struct SafetensorsTests {
  @Test("Every dtype, scalars and empty tensors are read as the format's own library reads them")
  func reading() throws {
    for name in ["dtypes.safetensors", "metadata.safetensors"] {
      let file = try SafetensorsFile(contentsOf: Golden.url(name))
      // The Python library sorts by name when it hands out a dictionary; so does its description.
      let expected = try #require(try Golden.description(of: name)["dict"]?.array)
      #expect(Set(file.names) == Set(expected.compactMap { $0[0]?.string }))
      for entry in expected {
        let name = try #require(entry[0]?.string)
        let tensor = try #require(file[name])
        #expect(try describe(tensor) == entry[1])
        #expect(try describe(try tensor.tensor()) == entry[1])
      }
    }
  }

  @Test("Metadata are read")
  func metadata() throws {
    #expect(try SafetensorsFile(contentsOf: Golden.url("metadata.safetensors")).metadata == ["note": "测试\n"])
  }

  @Test("Written files are, byte for byte, those of the format's own library")
  func writing() throws {
    let scratch = try Scratch()
    let golden = try SafetensorsFile(contentsOf: Golden.url("dtypes.safetensors"))
    var tensors: OrderedDictionary<String, Tensor> = [:]
    for name in golden.names.reversed() { tensors[name] = try golden.tensor(name) }
    try Safetensors.write(tensors, to: scratch.file("model.safetensors"))
    #expect(try Data(contentsOf: scratch.file("model.safetensors")) == Data(try Golden.bytes("dtypes.safetensors")))
    #expect(try scratch.names == ["model.safetensors"])
  }

  @Test("A tensor keeps the mapping alive, and changing it changes neither the file nor the next one")
  func mapping() throws {
    let scratch = try Scratch()
    let url = scratch.file("a.safetensors")
    try Safetensors.write(["a": try Tensor([1, 2, 3] as [Float])], to: url)
    let first = try SafetensorsFile(contentsOf: url).tensor("a")  // the file object is gone after this line
    try first.multiplyInPlace(2)
    #expect(try first.array(Float.self) == [2, 4, 6])
    #expect(try SafetensorsFile(contentsOf: url).tensor("a").array(Float.self) == [1, 2, 3])
  }

  @Test("A view that is not contiguous is written in its own order")
  func views() throws {
    let scratch = try Scratch()
    let url = scratch.file("a.safetensors")
    let matrix = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    try Safetensors.write(["transposed": try matrix.transpose(0, 1)], to: url)
    let read = try SafetensorsFile(contentsOf: url).tensor("transposed")
    #expect(read.shape == [3, 2])
    #expect(try read.array(Float.self) == [1, 4, 2, 5, 3, 6])
  }

  @Test("A folder with shards is read through its index")
  func shards() throws {
    let folder = try SafetensorsFolder(Golden.url("sharded"))
    let tensors = try folder.names.map { (key: $0, value: try #require(folder[$0])) }
    #expect(try describe(tensors) == (try Golden.description(of: "sharded")))
    #expect(try folder["model.norm.weight"]?.tensor().array(Float.self) == [1, 1])
    #expect(folder["absent"] == nil)
  }

  @Test("A single file wins over an index")
  func singleFile() throws {
    let scratch = try Scratch()
    try FileManager.default.copyItem(
      at: Golden.url("metadata.safetensors"), to: scratch.file(SafetensorsFolder.fileName))
    try scratch.write(Array("not JSON".utf8), to: SafetensorsFolder.indexName)
    #expect(try Set(SafetensorsFolder(scratch.url).names) == ["a", "b"])
  }

  @Test("A missing shard, a tensor that is not in its shard, and a path out of the folder are refused")
  func damagedFolders() throws {
    let scratch = try Scratch()
    #expect(!SafetensorsFolder.exists(in: scratch.url))
    #expect(try failure { _ = try SafetensorsFolder(scratch.url) }.reason == .missing)

    let second = "model-00002-of-00002.safetensors"
    for name in [SafetensorsFolder.indexName, "model-00001-of-00002.safetensors"] {
      try FileManager.default.copyItem(at: Golden.url("sharded/\(name)"), to: scratch.file(name))
    }
    let missing = try failure { _ = try SafetensorsFolder(scratch.url) }
    #expect(missing.reason == .missing)
    #expect(missing.description.contains(second))

    try FileManager.default.copyItem(at: Golden.url("metadata.safetensors"), to: scratch.file(second))
    let absent = try failure { _ = try SafetensorsFolder(scratch.url) }
    #expect(absent.reason == .damaged)
    #expect(absent.description.contains("lm_head.weight"))

    for text in [
      #"{"weight_map": {"a": "../a.safetensors"}}"#, #"{"weight_map": {"a": 1}}"#, #"{"weight_map": {}}"#, "{",
    ] {
      try scratch.write(Array(text.utf8), to: SafetensorsFolder.indexName)
      #expect(try failure { _ = try SafetensorsFolder(scratch.url) }.reason == .damaged)
    }
  }

  @Test("A missing file and files of other kinds each have their own reason")
  func impostors() throws {
    let scratch = try Scratch()
    #expect(try failure { _ = try SafetensorsFile(contentsOf: scratch.file("absent")) }.isMissingInput)
    #expect(try failure { _ = try SafetensorsFile(contentsOf: scratch.url) }.reason == .unreadable)
    let pointer = try scratch.write(Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\n".utf8), to: "lfs")
    #expect(try failure { _ = try SafetensorsFile(contentsOf: pointer) }.description.contains("git lfs pull"))
    let float8 = try failure { _ = try SafetensorsFile(contentsOf: Golden.url("float8.safetensors")) }
    #expect(float8.reason == .unsupported)
    #expect(float8.description.contains("F8_E4M3"))
    #expect(float8.isBadData)
  }

  @Test(
    "A header that contradicts the file is refused, whatever it declares",
    arguments: [
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#, "JSON"),
      (#"["a"]"#, "begin"),
      (#"{"a":{"shape":[2],"data_offsets":[0,8]}}"#, "dtype"),
      (#"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "shape"),
      (#"{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}"#, "shape"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "data_offsets"),
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#, "data_offsets"),
      (#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, "cannot take"),
      (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,8]}}"#, "cannot take"),
      (#"{"a":{"dtype":"F32","shape":[1152921504606846976],"data_offsets":[0,4611686018427387904]}}"#, "describes"),
      (#"{"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}"#, "cannot take"),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "describes"),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "gap"),
      (
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        "gap"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0061":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        "twice"
      ),
      (#"{"a":{"dtype":"I32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "twice"),
      (#"{"__metadata__":{"a":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "__metadata__"),
    ])
  func headers(header: String, expected: String) throws {
    let scratch = try Scratch()
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian, Array.init)
    let url = try scratch.write(length + Array(header.utf8) + [UInt8](repeating: 0, count: 8), to: "a.safetensors")
    let error = try failure { _ = try SafetensorsFile(contentsOf: url) }
    #expect(error.reason == .damaged)
    #expect(error.description.contains(expected), "\(error)")
    #expect(error.file == url.path)
  }

  @Test("A header longer than the file, or than any header, is refused")
  func headerLength() throws {
    let scratch = try Scratch()
    for length in [1000, 100_000_001, UInt64.max] {
      let bytes = withUnsafeBytes(of: length.littleEndian, Array.init) + Array("{}".utf8)
      let url = try scratch.write(bytes, to: "a.safetensors")
      #expect(try failure { _ = try SafetensorsFile(contentsOf: url) }.reason == .damaged)
    }
  }

  @Test("Booleans other than 0 and 1 are refused when the tensor is used")
  func booleans() throws {
    let scratch = try Scratch()
    let url = scratch.file("a.safetensors")
    try Safetensors.write(["a": try StoredTensor(bytes: [0, 2], shape: [2], dtype: .bool)], to: url)
    #expect(try failure { _ = try SafetensorsFile(contentsOf: url).tensor("a") }.reason == .damaged)
  }
}
