import Foundation
import OrderedJSON

/// A chat template: the part of Jinja that templates use, read once and rendered any number of times, from any thread.
///
/// The result is byte for byte what `transformers` gives, which runs Jinja's immutable sandbox with `trim_blocks` and
/// `lstrip_blocks`, its own `tojson`, `raise_exception`, `strftime_now`, `{% generation %}`, `break` and `continue`.
/// A template cannot harm: it sees no files, and nesting, loops and the size of texts are limited.
///
/// Differences that remain: integers beyond 64 bits are printed and compared, but not computed with; lower case knows no final sigma; a generator's items are computed at
/// once; inheritance, `include`, `import`, `recursive` loops and a few filters made for HTML are refused by name.
public struct Template: Sendable {
  let body: Body
  /// The names of the variables; a variable is its index.
  let symbols: [String]
  /// The functions among them.
  let builtins: [Builtin?]
  /// The levels that a run of it, or of a macro in it, may put on the stack.
  let levels: Int

  /// Reads a template.
  /// - Throws: `TemplateError` with the line, of reason `syntax`, `unsupported` or `limit`.
  public init(_ source: String) throws(TemplateError) {
    var parser = try Parser(source)
    body = try parser.template()
    symbols = parser.symbols
    builtins = parser.symbols.map(Builtin.init(rawValue:))
    levels = parser.deepestNesting + parser.deepestExpression + 2
  }

  /// Renders the template with these variables.
  /// - Parameters:
  ///   - context: The variables; names that the template does not use are ignored.
  ///   - now: The date and time that `strftime_now` sees, in the local time zone.
  /// - Throws: `TemplateError` with the line; of reason `raised` when the template itself refuses its input.
  public func render(_ context: JSON.Object, now: Date = Date()) throws(TemplateError) -> String {
    try Renderer(self, context: context, now: now).run()
  }
}
