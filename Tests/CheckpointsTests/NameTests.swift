import Checkpoints
import Foundation
import OrderedJSON
import Testing

@Suite("Names of tensors are compared by code points, as Python compares them")
struct NameTests {
  private let composed = "Caf\u{E9}.weight"
  private let decomposed = "Cafe\u{301}.weight"

  @Test("Two names that only look alike are two tensors of a safetensors file")
  func safetensors() throws {
    let scratch = try Scratch()
    let header: JSON = [
      composed: ["dtype": "I32", "shape": [1], "data_offsets": [0, 4]],
      decomposed: ["dtype": "I32", "shape": [1], "data_offsets": [4, 8]],
      "__metadata__": [composed: "one", decomposed: "two"],
    ]
    let text = Array(header.serialized().utf8)
    let length = withUnsafeBytes(of: UInt64(text.count).littleEndian, Array.init)
    let url = try scratch.write(length + text + [1, 0, 0, 0, 2, 0, 0, 0], to: "a.safetensors")
    let file = try SafetensorsFile(contentsOf: url)
    #expect(file.names.count == 2)
    #expect(try file.tensor(composed).item() == 1)
    #expect(try file.tensor(decomposed).item() == 2)
    #expect(file.metadata.values == ["one", "two"])
  }

  @Test("Two keys that only look alike are two keys of a torch.save file")
  func torchArchive() throws {
    let scratch = try Scratch()
    let url = scratch.file("a.pth")
    try TorchArchive.write(.dictionary([.string(composed): .integer(1), .string(decomposed): .integer(2)]), to: url)
    let value = try TorchArchive.read(url)
    #expect(value.dictionary?.count == 2)
    #expect(value[composed]?.integer == 1)
    #expect(value[decomposed]?.integer == 2)
  }

  @Test("A slash with an accent is a slash all the same: no shard lies outside of its folder")
  func shards() throws {
    let scratch = try Scratch()
    for shard in ["..\u{2F}\u{301}a", "a/\u{301}", "\u{2F}\u{301}a", "a\u{0}\u{301}"] {
      let index: JSON = ["weight_map": ["a": .string(shard)]]
      try scratch.write(Array(index.serialized().utf8), to: SafetensorsFolder.indexName)
      let error = try failure { _ = try SafetensorsFolder(scratch.url) }
      #expect(error.description.contains("does not give a plain file name"))
    }
  }
}
