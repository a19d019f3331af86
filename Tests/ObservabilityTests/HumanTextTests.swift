import Observability
import Testing

@Suite("Numbers as people read them")
struct HumanTextTests {
  @Test("Counts")
  func counts() {
    let examples: [(Double, String)] = [
      (0, "0"), (3.24, "3.2"), (8, "8"), (9.97, "10"), (999.4, "999"), (999.6, "1.0k"), (12_345, "12.3k"),
      (99_949, "99.9k"), (99_951, "100k"), (123_456, "123k"), (999_600, "1.0M"), (2e9, "2.0G"), (5e12, "5000G"),
      (.nan, "–"), (-0.04, "0.0"),
    ]
    for (value, text) in examples { #expect(HumanText.count(value) == text) }
  }

  @Test("Durations")
  func durations() {
    let examples: [(Double, String)] = [
      (0, "0.0 s"), (0.42, "0.4 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (309, "5 min 09 s"),
      (3599.6, "1 h 00 min"), (3720, "1 h 02 min"), (273_600, "3 d 04 h"), (.infinity, "–"), (-1, "–"),
    ]
    for (seconds, text) in examples { #expect(HumanText.duration(seconds: seconds) == text) }
  }

  @Test("Bytes")
  func bytes() {
    let examples: [(Int, String)] = [
      (0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1_023_999, "1.0 MiB"), (2_254_857_830, "2.1 GiB"),
      (1 << 50, "1024 TiB"),
    ]
    for (value, text) in examples { #expect(HumanText.bytes(value) == text) }
  }

  @Test("Three significant digits")
  func short() {
    let examples: [(Double, String)] = [
      (4e-8, "4e-8"), (5.12e-7, "5.12e-7"), (0, "0"), (0.02, "0.02"), (0.15, "0.15"), (1, "1"), (12.345, "12.3"),
      (2500, "2500"), (-0.000123, "-1.23e-4"), (1e9, "1e9"), (100, "100"),
    ]
    for (value, text) in examples { #expect(HumanText.short(value) == text) }
  }

  @Test("Prose is broken at spaces")
  func wrapped() {
    #expect(TerminalText.wrapped("one two three four", width: 9) == "one two\nthree\nfour")
    #expect(TerminalText.wrapped("a incomprehensibilities b", width: 5) == "a\nincomprehensibilities\nb")
    #expect(TerminalText.wrapped("", width: 5) == "")
  }

  @Test("Groups, shares, and numbers that are none")
  func others() {
    #expect(HumanText.grouped(1_234_567) == "1,234,567")
    #expect(HumanText.grouped(-1234) == "-1,234")
    #expect(HumanText.grouped(7) == "7")
    #expect(HumanText.percent(0.7188) == "71.9 %")
    #expect(HumanText.fixed(-0.0001, 3) == "0.000")
    #expect(HumanText.fixed(.nan, 4) == "NaN")
    #expect(HumanText.fixed(-.infinity, 4) == "-inf")
  }

  @Test("A count agrees with its noun")
  func counted() {
    #expect(HumanText.counted(0, "pair") == "0 pairs")
    #expect(HumanText.counted(1, "pair") == "1 pair")
    #expect(HumanText.counted(1234, "pair") == "1,234 pairs")
  }
}
