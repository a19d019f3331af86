import Foundation
import Testing
import Tokenization

/// Decoding id by id.
@Suite struct StreamingDecoderTests {
  @Test("The parts joined are the whole text, for any ids", arguments: ReferenceTests.names)
  func parts(name: String) throws {
    let tokenizer = try Goldens.tokenizer(name)
    let texts = try Goldens.texts()
    let ids = try Goldens.expectations(name).decoded.map(\.ids) + tokenizer.encode(batch: texts)
    for ids in ids {
      for skips in [false, true] {
        var decoder = tokenizer.streamingDecoder(skipSpecialTokens: skips)
        var text = ""
        for id in ids { text += decoder.append(id) }
        text += decoder.finish()
        #expect(text.hasSameBytes(as: tokenizer.decode(ids, skipSpecialTokens: skips)), "\(ids)")
      }
    }
  }

  @Test("No part holds half a character")
  func wholeCharacters() throws {
    let tokenizer = try Tokenizer(json: .byteLevel())
    for text in ["é", "好", "😀", "a😀b", "👩‍👩‍👧‍👦", "\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}"] {
      var decoder = tokenizer.streamingDecoder()
      var parts = tokenizer.encode(text).map { decoder.append($0) }
      #expect(!parts.contains { $0.contains("\u{FFFD}") })
      parts.append(decoder.finish())
      #expect(parts.last == "")
      #expect(parts.joined().hasSameBytes(as: text))
    }
  }

  @Test("A character that is never completed ends as U+FFFD, as in Python")
  func truncated() throws {
    let tokenizer = try Tokenizer(json: .byteLevel())
    var decoder = tokenizer.streamingDecoder()
    // The first three bytes of 😀, then a letter: one replacement as soon as it is certain.
    #expect([0xF0, 0x9F, 0x98].map { decoder.append($0) } == ["", "", ""])
    #expect(decoder.append(0x41) == "\u{FFFD}A")
    #expect([0xE5, 0xA5].map { decoder.append($0) } == ["", ""])
    #expect(decoder.finish() == "\u{FFFD}")
    // Once finished, it starts over.
    #expect(decoder.append(0x42) == "B")
    // Bytes that can never begin or continue a character are replaced at once.
    #expect([0xC0, 0xFF, 0x80].map { decoder.append($0) } == ["\u{FFFD}", "\u{FFFD}", "\u{FFFD}"])
    #expect([0xED, 0xA0].map { decoder.append($0) } == ["", "\u{FFFD}\u{FFFD}"])
  }
}
