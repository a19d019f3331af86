import Jinja
import OrderedJSON
import Testing

/// What errors say. That Jinja refuses the same templates is tested by the goldens.
@Suite("Errors") struct ErrorTests {
  @Test(
    "A template that cannot be read is refused with its line",
    arguments: [
      (
        "a\n{% if x %}", TemplateError.Reason.syntax, 2,
        "the template ends before {% elif %} or {% else %} or {% endif %}; the tag 'if' of line 2 is open"
      ),
      ("{% if x %}\n{% for y in z %}\n{% endif %}", .syntax, 3, "unknown tag 'endif'; the tag 'for' of line 2 is open"),
      ("\n\n{% nope %}", .syntax, 3, "unknown tag 'nope'"),
      ("{{ 1 +\n* 2 }}", .syntax, 2, "expected an expression, found '*'"),
      ("{{ a b }}", .syntax, 1, "expected '}}', found 'b'"),
      ("{{ (1] }}", .syntax, 1, "unexpected ']', expected ')'"),
      ("x\n{{ 'abc }}\n", .syntax, 2, "the string that starts here has no closing quote"),
      ("x\n{{ 1 ", .syntax, 2, "the tag that starts here has no end '}}'"),
      ("\n{# x", .syntax, 2, "the comment that starts here has no end '#}'"),
      ("\n{% raw %}x", .syntax, 2, "the raw block that starts here has no {% endraw %}"),
      ("{{ x|nope }}", .syntax, 1, "no filter named 'nope'"),
      ("{{ x is nope }}", .syntax, 1, "no test named 'nope'"),
      ("{% break %}", .syntax, 1, "'break' outside of a loop"),
      ("\n{% include 'x' %}", .unsupported, 2, "the tag 'include' is not supported"),
      ("{% extends 'x' %}", .unsupported, 1, "the tag 'extends' is not supported"),
      ("\n{% call m %}{% endcall %}", .syntax, 2, "expected a call of a macro"),
      ("{% call m(caller=1) %}{% endcall %}", .syntax, 1, "the special argument 'caller' is given twice"),
      (
        "{% macro m(caller) %}{{ caller() }}{% endmacro %}", .syntax, 1,
        "the special argument 'caller' must be left out or be given a default"
      ),
      (
        "\n{% call m() %}x", .syntax, 2,
        "the template ends before {% endcall %}; the tag 'call' of line 2 is open"
      ),
      ("{% for x in y recursive %}{% endfor %}", .unsupported, 1, "a recursive loop is not supported"),
      ("\n{{ x|groupby('a') }}", .unsupported, 2, "the filter 'groupby' is not supported"),
      ("{{ cycler(1) }}", .unsupported, 1, "the function 'cycler' is not supported"),
      ("{{ '\\N{BULLET}' }}", .unsupported, 1, "the escape \\N{…} in a string is not supported"),
    ])
  func unreadable(
    source: String, reason: TemplateError.Reason, line: Int, message: String
  ) {
    let error = #expect(throws: TemplateError.self) { try Template(source) }
    #expect(error == TemplateError(reason, message, line: line))
  }

  @Test(
    "A template that fails says why and where",
    arguments: [
      ("a\n{{ x.y }}", TemplateError.Reason.undefined, 2, "'x' is undefined"),
      ("{% set d = {} %}\n{% if t %}\n{{ d.a.b }}{% endif %}", .undefined, 3, "'dict object' has no attribute 'a'"),
      ("{% for i in [1] %}\n{{ [i][5].x }}{% endfor %}", .undefined, 2, "list object has no element 5"),
      ("\n{{ raise_exception('Roles must alternate!') }}", .raised, 2, "Roles must alternate!"),
      ("{% macro m() %}\n{{ raise_exception('deep') }}{% endmacro %}\n\n{{ m() }}", .raised, 2, "deep"),
      (
        "{% macro m() %}\n{% endmacro %}\n{{ m() + 1 }}", .runtime, 3,
        "unsupported operand type(s) for +: 'str' and 'int'"
      ),
      ("\n\n{{ [].append(1) }}", .forbidden, 3, "access to attribute 'append' of 'list' object is unsafe."),
      (
        "{% macro m() %}{% endmacro %}\n{% call m() %}x{% endcall %}", .runtime, 2,
        "macro 'm' was invoked with two values for the special caller argument: it does not call caller()"
      ),
      ("{% macro m() %}\n{{ caller() }}{% endmacro %}\n{{ m() }}", .undefined, 2, "No caller defined"),
      ("{{ 'x'.encode() }}", .unsupported, 1, "the string method 'encode' is not supported"),
    ])
  func failing(
    source: String, reason: TemplateError.Reason, line: Int, message: String
  ) throws {
    let template = try Template(source)
    let error = #expect(throws: TemplateError.self) { try template.render(["t": true]) }
    #expect(error == TemplateError(reason, message, line: line))
    #expect(error?.description == "chat template, line \(line): \(message)")
  }

  /// Templates cut off, with pieces taken out or doubled, must be read or refused, but never crash.
  @Test("Broken templates are refused or rendered, never a crash")
  func brokenTemplates() throws {
    let sources = [
      "{%- for m in ms -%}{% if m.role == 'user' and not loop.last %}{{ m['content'][::-1] | trim ~ \"x\" }}{% elif m is mapping %}{{- m | tojson(indent=2) -}}{% else %}{% break %}{% endif %}{%- endfor %}",
      "{% set ns = namespace(a=1, b=[1, {'k': (2, 3)}]) %}{% macro f(x, y=2) %}{{ x ~ y ** 2 // 3 }}{% endmacro %}{{ f(ns.b[1].k[0], y=-1) if ns.a is defined else 'é😀' }}{# c #}{% raw %}{{ x }}{% endraw %}",
      "{{ '%s %d' % ('a', 3) }}{{ '{:>5}'.format(ms|length) }}{{ ms|map(attribute='role')|select('in', ['user'])|join(', ') }}{% filter upper %}{% generation %}g{% endgeneration %}{% endfilter %}",
    ]
    let context: JSON.Object = ["ms": [["role": "user", "content": "héllo"], ["role": "x", "content": "y"]]]
    var random = Lehmer(state: 20_261_124)
    for source in sources {
      let scalars = Array(source.unicodeScalars)
      for _ in 0..<2_000 {
        var broken = scalars
        for _ in 0...random.next(3) {
          let start = random.next(broken.count + 1)
          let end = min(broken.count, start + random.next(6))
          switch random.next(4) {
          case 0: broken.removeSubrange(start..<end)
          case 1: broken.insert(contentsOf: broken[start..<end], at: random.next(broken.count + 1))
          case 2: broken.removeSubrange(end...)
          default:
            let other = random.next(scalars.count)
            broken.insert(contentsOf: scalars[other..<min(scalars.count, other + 3)], at: start)
          }
        }
        let text = String(String.UnicodeScalarView(broken))
        do throws(TemplateError) {
          _ = try Template(text).render(context)
        } catch {
          #expect(error.line > 0, "\(text.debugDescription): \(error)")
        }
      }
    }
  }

  /// A small random number generator, the same everywhere.
  private struct Lehmer {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
      state = state * 48271 % 0x7FFF_FFFF
      return bound > 0 ? Int(state) % bound : 0
    }
  }
}
