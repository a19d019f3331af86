import OrderedJSON
import Testing

/// The expected texts are what Python 3 prints; `Tools/reference/json_numbers.py` prints those of the numbers.
@Suite("Serialization") struct SerializationTests {
  let value: JSON = [
    "text": "é中😀\"\\\n\u{1}</a>\u{7F}", "list": [1, 2.0, true, .null], "empty": [[], .object([:])],
    "nested": ["a": ["b": -1]],
  ]

  @Test("Compact style has no spaces")
  func compact() {
    #expect(
      value.serialized()
        == #"{"text":"é中😀\"\\\n\u0001</a>\#u{7F}","list":[1,2.0,true,null],"empty":[[],{}],"nested":{"a":{"b":-1}}}"#)
  }

  @Test("Python style is json.dumps without ensure_ascii")
  func python() {
    #expect(
      value.serialized(.python)
        == #"{"text": "é中😀\"\\\n\u0001</a>\#u{7F}", "list": [1, 2.0, true, null], "empty": [[], {}], "nested": {"a": {"b": -1}}}"#
    )
  }

  @Test("Pretty style is json.dumps with an indent of two")
  func pretty() {
    #expect(
      JSON.object(["a": [1, ["b": 2]], "c": [], "d": .object([:])]).serialized(.pretty) == """
        {
          "a": [
            1,
            {
              "b": 2
            }
          ],
          "c": [],
          "d": {}
        }
        """)
  }

  @Test(
    "Doubles are written as Python writes them",
    arguments: [
      (0.1, "0.1"), (1, "1.0"), (-0.0, "-0.0"), (1e16, "1e+16"), (1e15, "1000000000000000.0"), (1e-5, "1e-05"),
      (1e-4, "0.0001"), (1.5e16, "1.5e+16"), (9007199254740992, "9007199254740992.0"),
      (9999999999999998, "9999999999999998.0"), (12345678901234568, "1.2345678901234568e+16"),
      (1234567890123456.5, "1234567890123456.5"), (1.7976931348623157e308, "1.7976931348623157e+308"),
      (.leastNonzeroMagnitude, "5e-324"),
      (2.5e-7, "2.5e-07"), (-1e100, "-1e+100"), (123456.789, "123456.789"), (0.00012345, "0.00012345"),
      (1e22, "1e+22"), (3e15, "3000000000000000.0"), (0.30000000000000004, "0.30000000000000004"),
      (.nan, "NaN"), (.infinity, "Infinity"), (-.infinity, "-Infinity"),
    ])
  func doubles(value: Double, expected: String) throws {
    #expect(JSON.number(value).serialized() == expected)
    if value.isFinite { #expect(try JSON(parsing: expected).double == value) }
  }

  @Test("A value survives writing and reading")
  func roundTrip() throws {
    for style in [JSON.Style.compact, .python, .pretty] {
      #expect(try JSON(parsing: value.serialized(style)) == value)
    }
  }
}
