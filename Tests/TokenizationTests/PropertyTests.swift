import Dispatch
import Foundation
import OrderedJSON
import Synchronization
import Testing
import Tokenization

/// What holds for all texts, whatever the tokenizer.
@Suite struct PropertyTests {
  @Test("A batch gives what its texts give one by one", arguments: ReferenceTests.names)
  func batches(name: String) throws {
    let tokenizer = try Goldens.tokenizer(name)
    let texts = try Goldens.texts()
    #expect(tokenizer.encode(batch: texts) == texts.map { tokenizer.encode($0) })
    #expect(
      tokenizer.encode(batch: texts, addSpecialTokens: true)
        == texts.map { tokenizer.encode($0, addSpecialTokens: true) })
    #expect(tokenizer.encode(batch: []) == [])
    #expect(tokenizer.encode(batch: ["a"]) == [tokenizer.encode("a")])
  }

  @Test("Many threads at once get what one gets")
  func threads() throws {
    let tokenizer = try Goldens.tokenizer("qwen")
    let texts = try Goldens.texts()
    let expected = texts.map { tokenizer.encode($0) }
    let failures = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 8) { worker in
      for step in texts.indices {
        let index = (step * 7 + worker * 131) % texts.count
        if tokenizer.encode(texts[index]) != expected[index] { failures.add(1, ordering: .relaxed) }
      }
    }
    #expect(failures.load(ordering: .relaxed) == 0)
  }

  @Test("What is encoded is decoded to the same bytes, without a normalizer", arguments: ["llama3", "o200k"])
  func roundTrip(name: String) throws {
    let tokenizer = try Goldens.tokenizer(name)
    for text in try Goldens.texts() + randomTexts(count: 3000) {
      #expect(tokenizer.decode(tokenizer.encode(text)).hasSameBytes(as: text))
    }
  }

  @Test("The pieces of a text, put together, are the text")
  func piecesCoverTheText() throws {
    for row in try #require(Goldens.json("pieces.json").array) {
      let splitter = try #require(row["pre_tokenizer"])
      guard splitter["behavior"]?.string != "Removed" else { continue }
      let tokenizer = try Tokenizer(json: .byteLevel(after: splitter))
      for text in randomTexts(count: 100) {
        #expect(tokenizer.pieces(of: text).joined().hasSameBytes(as: text), "\(splitter.serialized())")
      }
    }
  }

  @Test("The hand-written scanners cut as the general engine does")
  func scannersEqualTheEngine() throws {
    var compared = 0
    for row in try #require(Goldens.json("pieces.json").array) {
      guard let pattern = row["pre_tokenizer"]?["pattern"]?["Regex"]?.string, pattern.hasSuffix(#"\s+(?!\S)|\s+"#)
      else {
        continue
      }
      func tokenizer(_ pattern: String) throws -> Tokenizer {
        let splitter: JSON = [
          "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated", "invert": false,
        ]
        return try Tokenizer(json: .byteLevel(after: splitter))
      }
      // A group around it means the same and is a text that no scanner was written for.
      let (scanner, engine) = (try tokenizer(pattern), try tokenizer("(?:\(pattern))"))
      for text in try Goldens.texts() + randomTexts(count: 1000) {
        #expect(scanner.pieces(of: text) == engine.pieces(of: text), "\(JSON.string(text).serialized())")
      }
      compared += 1
    }
    #expect(compared >= 5)
  }

  @Test("Tokens and ids name each other")
  func names() throws {
    let tokenizer = try Goldens.tokenizer("gpt2")
    for id in 0..<Int32(tokenizer.vocabularySize) {
      let token = try #require(tokenizer.token(of: id))
      #expect(tokenizer.id(of: token) == id)
    }
    #expect(tokenizer.id(of: "no such token") == nil)
    #expect(tokenizer.token(of: Int32(tokenizer.vocabularySize)) == nil)
    #expect(tokenizer.token(of: -1) == nil)
    let special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<mask>", "<sep>"]
    #expect(tokenizer.specialTokenIDs == Set(special.compactMap { tokenizer.id(of: $0) }))
  }
}

/// Texts of any scalars at all, low ones and blanks more often. The same at every run.
func randomTexts(count: Int) -> [String] {
  var state: UInt64 = 20_261_124
  func random(below bound: UInt32) -> UInt32 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt32(truncatingIfNeeded: state >> 33) % bound
  }
  let frequent = Array("aZé中 \n\t\r'sT1٣.-/😀\u{301}\u{3000}ʰǅ".unicodeScalars)
  return (0..<count).map { _ in
    var text = String.UnicodeScalarView()
    for _ in 0..<random(below: 24) {
      let bound: UInt32 = [0x80, 0x800, 0x10000, 0x110000][Int(random(below: 4))]
      let rare = Unicode.Scalar(random(below: bound))
      text.append(random(below: 3) > 0 ? frequent[Int(random(below: UInt32(frequent.count)))] : rare ?? "?")
    }
    return String(text)
  }
}
