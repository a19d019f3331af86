import Foundation
import Jinja
import OrderedJSON
import Testing

/// A hostile template ends with an error, never with a crash or without end.
@Suite("Limits") struct LimitTests {
  private static func nested(_ count: Int, _ open: String, _ inner: String, _ close: String) -> String {
    String(repeating: open, count: count) + inner + String(repeating: close, count: count)
  }

  private static let deepSources = [
    "{{ " + nested(50_000, "(", "1", ")") + " }}",
    "{{ " + nested(50_000, "[", "", "]") + " }}",
    "{{ " + nested(50_000, "{1: ", "1", "}") + " }}",
    "{{ " + nested(50_000, "f(", "", ")") + " }}",
    "{{ " + nested(50_000, "a[", "0", "]") + " }}",
    "{{ " + nested(50_000, "- ", "1", "") + " }}",
    "{{ " + nested(50_000, "not ", "1", "") + " }}",
    "{{ 1" + String(repeating: " + 1", count: 50_000) + " }}",
    "{{ 1" + String(repeating: " and 1", count: 50_000) + " }}",
    "{{ a" + String(repeating: ".b", count: 50_000) + " }}",
    "{{ a" + String(repeating: "|list", count: 50_000) + " }}",
    "{{ a" + String(repeating: "()", count: 50_000) + " }}",
    "{{ 1" + String(repeating: " if 1 else 2", count: 50_000) + " }}",
    "{{ 1" + String(repeating: " if 1", count: 50_000) + " }}",
    "{{ 1" + String(repeating: " is eq 1 and 1", count: 50_000) + " }}",
    nested(50_000, "{% if 1 %}", "", "{% endif %}"),
    nested(50_000, "{% for x in [1] %}", "", "{% endfor %}"),
    nested(50_000, "{% set x %}", "", "{% endset %}"),
    nested(50_000, "{% macro m() %}", "", "{% endmacro %}"),
    "{% for " + nested(50_000, "(", "a", ")") + " in b %}{% endfor %}",
    "{% set " + nested(50_000, "(", "a", ")") + " = b %}",
  ]

  @Test("Deep nesting is refused when the template is read", arguments: deepSources.indices)
  func deepNesting(index: Int) {
    let error = #expect(throws: TemplateError.self) { try Template(Self.deepSources[index]) }
    #expect(error?.reason == .limit)
  }

  @Test(
    "Endless work and endless values are refused",
    arguments: [
      "{% for i in range(100000000) %}{% endfor %}",
      "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
      "{% for a in range(100000) if a < 0 %}{% endfor %}{% for a in range(100000) %}{% for b in range(100000) if b < 0 %}{% endfor %}{% endfor %}",
      "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
      "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      "{{ 'x' * 10000000000 }}", "{{ 'x' * 9223372036854775807 }}", "{{ [1] * 10000000000 }}",
      "{{ ('x' * 100000).replace('', 'x' * 100000) }}",
      "{{ ('x' * 100000)|replace('x', 'x' * 100000) }}", "{{ ('x' * 100000).join('x' * 100000) }}",
      "{{ ['x' * 100000] * 100000|join }}",
      "{{ (['x' * 100000] * 100000)|join }}", "{{ 'x'.ljust(100000000000) }}", "{{ 'x'.center(100000000000) }}",
      "{{ 'x'.zfill(100000000000) }}",
      "{{ 'x'|center(100000000000) }}", "{{ 'x'|indent(100000000000) }}", "{{ '%100000000000d' % 1 }}",
      "{{ '%.100000000000d' % 1 }}",
      "{{ '{:100000000000}'.format(1) }}", "{{ [1]|batch(100000000000, 1)|list }}",
      "{{ ('a\n' * 100000)|indent(100000) }}", "{{ [1]|tojson(indent=100000000000) }}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}",
      "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
      "{% macro m() %}{% for x in [1] %}{% set y %}{{ m() }}{% endset %}{% endfor %}{% endmacro %}{{ m() }}",
      "{% macro m(a=m()) %}{% endmacro %}{{ m() }}",
      "{% set ns = namespace(a=[]) %}{% for i in range(100000) %}{% set ns.a = [ns.a] %}{% endfor %}{{ ns.a }}",
      "{% set ns = namespace(a=[]) %}{% for i in range(100000) %}{% set ns.a = {'a': ns.a} %}{% endfor %}{{ ns.a }}",
      "{% set ns = namespace(a={}) %}{% for i in range(100000) %}{% set ns.a = {'a': ns.a.get} %}{% endfor %}{{ ns.a }}",
      "{% set ns = namespace(a=[]) %}{% for i in range(100000) %}{% set ns.a = ns.a|batch(1) %}{% set ns.a = (ns.a, 1) %}{% endfor %}",
      "{% set ns = namespace(a=[]) %}{% for i in range(100000) %}{% for j in [ns.a] %}{% set ns.a = loop %}{% endfor %}{% endfor %}",
      "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
      "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.a }}",
      "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.a|tojson }}",
      // Lists that share parts, and operations that cost more than their result is long.
      "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}",
      "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{{ ns.a }}",
      "{% set ns = namespace(a=(1,)) %}{% for i in range(60) %}{% set ns.a = (ns.a, ns.a) %}{% endfor %}",
      "{% set ns = namespace(a=[1]) %}{% for i in range(60) %}{% set ns.a = {'x': ns.a, 'y': ns.a} %}{% endfor %}",
      "{% set ns = namespace(a=[1]) %}{% for i in range(20) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{% for i in range(100000) %}{{ ns.a == ns.a + [] }}{% endfor %}",
      "{% set ns = namespace(a=[1]) %}{% for i in range(20) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{% for i in range(100000) %}{% if ns.a in [ns.a] %}{% endif %}{% endfor %}",
      "{% set ns = namespace(a=[1]) %}{% for i in range(20) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{% for i in range(100000) %}{% set x = ns.a|string %}{% endfor %}",
      "{% set ns = namespace(a=[1]) %}{% for i in range(20) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{% for i in range(100000) %}{% set x = ns.a|tojson %}{% endfor %}",
      "{% set ns = namespace(a=[1]) %}{% for i in range(20) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}{% for i in range(100000) %}{% set x = [ns.a, ns.a]|sort %}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set x = s.find('b') %}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set x = s.count('b') %}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set x = s.title() %}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set x = s|upper %}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set x = s[1:] %}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% set x = s.find('a' * 500000 + 'b') %}",
      "{% set s = 'a' * 1000000 %}{{ ('a' * 500000 + 'b') in s }}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% set x = s + 'b' %}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% for c in s %}{% break %}{% endfor %}{% endfor %}",
      "{% set l = range(100000)|list %}{% for i in range(100000) %}{% set x = l[1:] %}{% endfor %}",
      "{% set l = range(100000)|list %}{% for i in range(100000) %}{% set x = l|sum %}{% endfor %}",
      "{% set l = range(100000)|list %}{% for i in range(100000) %}{% set x = l.count(1) %}{% endfor %}",
      "{% set l = range(100000)|list %}{% for i in range(100000) %}{% set x = -1 in l %}{% endfor %}",
      "{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 9223372036854775807 * 2 }}",
      "{{ 2 ** 64 }}",
      "{{ 10 ** 1000 }}", "{{ 1e308 ** 2 }}",
      "{{ (-9223372036854775807 - 1) // -1 }}", "{{ 18446744073709551616 + 1 }}", "{{ -18446744073709551616 // 2 }}",
      "{{ 18446744073709551616 is odd }}", "{{ '%x' % 18446744073709551616 }}", "{{ 'ff' * 18446744073709551616 }}",
      "{{ ('f' * 17)|int(0, 16) }}", "{{ range(18446744073709551616) }}", "{{ 'abc'[:18446744073709551616] }}",
      "{{ 'abc'[::9223372036854775807][5].x }}",
      "{{ range(-9223372036854775807, 9223372036854775807, 1) }}",
      "{{ 'x'|int(0, 99) }}{{ 1|round(400, 'ceil') }}",
    ])
  func endlessWork(source: String) throws {
    let template = try Template(source)
    #expect(throws: TemplateError.self) { try template.render([:]) }
  }

  @Test("Chains of namespaces and deep values are taken apart without a crash")
  func chainsOfNamespaces() throws {
    let template = try Template(
      """
      {% set ns = namespace(current=namespace()) %}
      {% for i in range(100000) %}{% set c = ns.current %}{% set n = namespace() %}{% set c.next = n %}{% set ns.current = n %}{% endfor %}done
      """)
    #expect(try template.render([:]) == "done")
    var deep: JSON = []
    for _ in 0..<JSON.maximumDepth { deep = [deep] }
    let text = try Template("{{ x|tojson|length }} {{ x|string|length }} {{ x == x[:] }} {{ [x] == [x[0:]] }}").render([
      "x": deep
    ])
    #expect(text == "1026 1026 True True")
  }

  @Test("The stack of a secondary thread is enough for the deepest template")
  func secondaryThread() throws {
    let expression = Self.nested(95, "(", "1" + String(repeating: " + 1", count: 250), ")")
    let source =
      "{% macro m(n) %}{% for x in [1] %}{% if n > 0 %}{{ m(n - 1) ~ '' }}{% endif %}{% endfor %}{% endmacro %}{{ m(100) }}{{ m(3) }}"
    let texts = Locked<[String]>([])
    let thread = Thread {
      for source in ["{{ \(expression) }}", source] {
        do {
          texts.append("\(try Template(source).render([:]))")
        } catch {
          texts.append("\(error)")
        }
      }
      texts.append("end")
    }
    thread.stackSize = 4 << 20
    thread.start()
    while texts.value.last != "end" { Thread.sleep(forTimeInterval: 0.01) }
    #expect(texts.value.first == "251")
  }

  /// A list that two threads share.
  private final class Locked<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var content: Value

    init(_ content: Value) { self.content = content }

    var value: Value { lock.withLock { content } }

    func append<Element>(_ element: Element) where Value == [Element] { lock.withLock { content.append(element) } }
  }
}
