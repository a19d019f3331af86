import Foundation
import Preferences
import Testing
import Tokenization

@Suite("The key of the token cache")
struct TokenCacheKeyTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func `Changes with everything that tokens depend on, and with nothing else`() throws {
    let original = try folder.key()
    #expect(try folder.key() == original)
    #expect(try folder.key(now: Date()) == original)
    #expect(try folder.key(program: "another") != original)
    for (name, text) in [
      ("pairs.jsonl", goodLine + "\n\n"), ("model/tokenizer.json", "{ }"),
      ("model/tokenizer_config.json", #"{"chat_template": "{{ messages }}", "eos_token": "x"}"#),
      ("model/chat_template.jinja", "{{ messages }}"), ("model/special_tokens_map.json", "{}"),
      ("model/additional_chat_templates/tool_use.jinja", "{{ messages }}"),
    ] {
      let file = folder.url.appendingPathComponent(name)
      let before = try? Data(contentsOf: file)
      let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
      try folder.write(text, to: name)
      // The same size and the same date do not deceive it.
      if let date = attributes?[.modificationDate] {
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: file.path)
      }
      #expect(try folder.key() != original, "\(name)")
      if let before { try before.write(to: file) } else { try FileManager.default.removeItem(at: file) }
      #expect(try folder.key() == original, "\(name)")
    }
    try folder.write("anything", to: "model/model.safetensors")
    #expect(try folder.key() == original)
  }

  @Test func `Changes with each option; with the seed only where something is drawn`() throws {
    let columns = try ColumnNames("chosen=a")
    var keys = [try folder.key()]
    let changes: [(inout PairOptions) -> Void] = [
      { $0.maxLength = 512 }, { $0.truncationMode = .keepEnd }, { $0.emptyThink = .drop }, { $0.emptyThink = .random },
      {
        $0.emptyThink = .random
        $0.seed = 7
      }, { $0.completionMask = .all }, { $0.skipBadLines = true }, { $0.maxSamples = 10 }, { $0.minimumMargin = 0.5 },
      { $0.columns = columns },
    ]
    for change in changes {
      var options = PairOptions()
      change(&options)
      keys.append(try folder.key(options: options))
    }
    #expect(Set(keys).count == keys.count)
    #expect(try folder.key(options: PairOptions(seed: 7)) == keys[0])
  }

  @Test func `The date counts as far as the template prints it`() throws {
    let noon = Date(timeIntervalSince1970: 1_750_075_200)
    func isSame(_ template: String, after seconds: Double) throws -> Bool {
      try folder.write(template, to: "model/chat_template.jinja")
      return try folder.key(now: noon) == folder.key(now: noon + seconds)
    }
    let day = #"{% if strftime_now is defined %}{{ strftime_now("%d %b %Y") }}{% endif %}"#
    #expect(try isSame(day, after: 60))
    #expect(try !isSame(day, after: 86_400))
    #expect(try !isSame("{{ strftime_now('%H:%M') }}", after: 60))
    #expect(try isSame("{{ strftime_now('%H:%M') }}", after: 1))
    // A format that is not a literal may print anything.
    #expect(try !isSame("{% set f = '%d' %}{{ strftime_now(f) }}", after: 1))
    #expect(try !isSame("{% set now = strftime_now %}{{ now('%d') }}", after: 1))
  }
}

@Suite(
  .enabled(
    if: Shared.isThere, "needs MiniMind's data: set MINIMIND_SHARED to the folder that holds data/ and minimind/"))
struct TokenCacheSharedDataTests {
  @Test func `600 real pairs come back as they were`() throws {
    let folder = try TemporaryFolder()
    for options in [PairOptions(), PairOptions(emptyThink: .random, completionMask: .all)] {
      let pairs = try PreferenceFile(contentsOf: Shared.pairs).pairs
      let tokenizer = try PairTokenizer(
        tokenizer: Tokenizer(folder: Shared.tokenizer), template: ChatTemplate(folder: Shared.tokenizer),
        startOfText: "<|im_start|>", endOfText: "<|im_end|>", options: options)
      let tokenized = try tokenizer.tokenize(pairs)
      let made = TokenizedFile(
        tokenized: tokenized, statistics: PairStatistics(pairs: pairs, tokenized: tokenized), badLines: [])
      func key() throws -> TokenCacheKey {
        try TokenCacheKey(
          data: Shared.pairs, tokenizer: Shared.tokenizer, options: options, now: Date(), program: "this one")
      }
      _ = folder.cache().file(for: key, options: options) { made }
      expectEqual(try folder.cache().file(for: key, options: options) { throw Unexpected() }, made)
    }
  }
}
