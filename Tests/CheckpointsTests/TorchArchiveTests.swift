import Checkpoints
import Files
import Foundation
import OrderedCollections
import OrderedJSON
import Testing
import Torch

@Suite("torch.save files; goldens by Tools/reference/checkpoints.py")
struct TorchArchiveTests {
  @Test("Values are read as torch.load reads them, bit for bit", arguments: Golden.archives)
  func reading(name: String) throws {
    let value = try TorchArchive.read(Golden.url(name))
    #expect(try describe(value) == (try Golden.description(of: name)))
    for tensor in tensors(in: value) {
      #expect(try describe(try tensor.tensor()) == (try describe(tensor)))
    }
  }

  @Test("A resume file of MiniMind gives its weights, moments and counters")
  func resume() throws {
    let resume = try TorchArchive.read(Golden.url("resume_768_resume.pth"))
    #expect(resume["step"]?.integer == 3)
    #expect(resume["wandb_id"]?.isNone == true)
    #expect(resume["scaler"]?["scale"]?.number == 65536)
    #expect(resume["model"]?.stateDict?.keys == ["0.weight", "1.weight", "1.bias"])
    let optimizer = try #require(resume["optimizer"])
    #expect(try optimizer["state"]?[0]?["step"]?.stored?.tensor().item() == 3)
    #expect(optimizer["state"]?[0]?["exp_avg_sq"]?.stored?.shape == [2, 3])
    #expect(optimizer["param_groups"]?[0]?["betas"]?.elements?.compactMap(\.number) == [0.9, 0.999])
    #expect(optimizer["param_groups"]?[0]?["params"]?.elements?.compactMap(\.integer) == [0, 1, 2])
  }

  @Test("Tensors that shared a storage share memory")
  func shared() throws {
    let tensors = try #require(try TorchArchive.read(Golden.url("shared.pth")).stateDict)
    let embedding = try #require(try tensors["model.embed_tokens.weight"]?.tensor())
    let head = try #require(try tensors["lm_head.weight"]?.tensor())
    let row = try #require(try tensors["row"]?.tensor())
    try embedding.multiplyInPlace(2)
    #expect(try head.to(.float32).array(Float.self) == [0, 2, 4, 6, 8, 10])
    #expect(try row.to(.float32).array(Float.self) == [6, 8, 10])
  }

  @Test("Only a state dict is read as one")
  func stateDict() throws {
    #expect(try TorchArchive.read(Golden.url("nested.pth")).stateDict == nil)
    #expect(try TorchArchive.read(Golden.url("dtypes.pth")).stateDict?.count == 10)
  }

  @Test(
    "What is refused is named, with a remedy",
    arguments: [
      ("forbidden.pth", "posix.system", "torch.load"),
      ("legacy.pth", "before version 1.6", "torch.save(torch.load("),
      ("complex.pth", "ComplexFloatStorage", "convert"),
      ("uint16.pth", "uint16", "convert"),
      ("storage.pth", "bare storage", "save tensors"),
      ("itself.pth", "contains itself", "plain dictionaries"),
      ("big_endian.pth", "byte order", "little-endian"),
      ("deflated.pth", "compressed", "zip -0"),
      ("torchscript.pt", "TorchScript", "state_dict"),
    ])
  func refused(name: String, problem: String, remedy: String) throws {
    let error = try failure { _ = try TorchArchive.read(Golden.url(name)) }
    #expect(error.reason == .unsupported)
    #expect(error.isBadData)
    #expect(error.file.hasSuffix(name))
    #expect(error.problem.contains(problem), "\(error)")
    #expect(error.remedy.contains(remedy), "\(error)")
  }

  @Test("Other kinds of files are not mistaken for archives")
  func impostors() throws {
    #expect(try failure { _ = try TorchArchive.read(Golden.url("absent.pth")) }.reason == .missing)
    #expect(try failure { _ = try TorchArchive.read(Golden.url("dtypes.safetensors")) }.reason == .damaged)
    let scratch = try Scratch()
    let empty = try scratch.write([], to: "empty.pth")
    #expect(try failure { _ = try TorchArchive.read(empty) }.reason == .damaged)
  }

  @Test("A changed byte in a storage is found by its checksum, unless that is not verified")
  func checksum() throws {
    let scratch = try Scratch()
    var bytes = try Golden.bytes("plain.pth")
    let three = withUnsafeBytes(of: Float(3), Array.init)
    let place = try #require(bytes.indices.dropLast(4).first { Array(bytes[$0..<$0 + 4]) == three })
    bytes[place + 3] ^= 0x80
    let url = try scratch.write(bytes, to: "a.pth")
    let error = try failure { _ = try TorchArchive.read(url) }
    #expect(error.reason == .damaged)
    #expect(error.description.contains("checksum"))
    let waived = try TorchArchive.read(url, verifyingChecksums: false)
    #expect(try waived["weight"]?.stored?.tensor().array(Float.self) == [0, 1, 2, -3])
  }
}
