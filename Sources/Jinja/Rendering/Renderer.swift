import Foundation
import OrderedJSON

/// What a rendering knows and changes: the output so far, the variables, and how much work it has done.
final class Renderer {
  var output = ""
  /// The line that runs, for errors.
  var line = 0
  /// The innermost scope; nil at the template's top level, whose variables are in `root`.
  var scope: Scope?
  /// What the filters of the innermost block apply to.
  var capturedText = Value.none
  let now: Date
  let template: Template

  /// The top level's variables by symbol.
  private var root: [Value?]
  private var work = 0
  private var activeLevels = 0
  private var namespaces: [Namespace] = []
  private var scopesOfMacros: [Scope] = []

  init(_ template: Template, context: JSON.Object, now: Date) {
    self.template = template
    self.now = now
    root = Array(repeating: nil, count: template.symbols.count)
    for (index, name) in template.symbols.enumerated() {
      if let json = context[name] { root[index] = Value(json) }
    }
  }

  func run() throws(TemplateError) -> String {
    // Macros keep their scope and namespaces may keep each other: break the cycles.
    defer {
      root = []
      scope = nil
      for scope in scopesOfMacros { scope.removeAll() }
      for namespace in namespaces { namespace.attributes = [:] }
    }
    do throws(TemplateError) {
      try enter(levels: template.levels)
      _ = try template.body.run(self)
      return output
    } catch {
      var located = error
      if located.line == 0 { located.line = line }
      throw located
    }
  }

  // MARK: Variables

  func value(of symbol: Int) -> Value? {
    var scope = self.scope
    while let current = scope {
      if let value = current[symbol] { return value }
      scope = current.parent
    }
    return root[symbol] ?? template.builtins[symbol].map(Value.builtin)
  }

  func set(_ symbol: Int, to value: Value) {
    if let scope { scope[symbol] = value } else { root[symbol] = value }
  }

  func assign(_ value: Value, to target: Target) throws(TemplateError) {
    switch target {
    case .name(let symbol): set(symbol, to: value)
    case .attribute(let symbol, let name):
      guard case .namespace(let namespace) = self.value(of: symbol) else {
        throw .runtime("cannot assign attribute on non-namespace object")
      }
      try Namespace.check(name)
      namespace.attributes[name] = value
    case .tuple(let targets):
      let items = try value.iterated()
      guard items.count == targets.count else {
        throw .runtime(
          items.count < targets.count
            ? "not enough values to unpack (expected \(targets.count), got \(items.count))"
            : "too many values to unpack (expected \(targets.count))")
      }
      for (target, item) in zip(targets, items) { try assign(item, to: target) }
    }
  }

  func makeNamespace() throws(TemplateError) -> Namespace {
    try spend(Limit.turn)
    let namespace = Namespace()
    namespaces.append(namespace)
    return namespace
  }

  // MARK: Scopes

  /// Runs a body in a scope of its own.
  func scoped(_ body: Body) throws(TemplateError) -> Flow {
    let outer = scope
    scope = Scope(parent: outer)
    defer { scope = outer }
    return try body.run(self)
  }

  /// A macro that looks up names in the present scope.
  func macro(_ definition: MacroDefinition) -> Value {
    if let scope, scope !== scopesOfMacros.last { scopesOfMacros.append(scope) }
    return .macro(Macro(definition, scope: scope))
  }

  /// What a body writes.
  func captured(_ body: () throws(TemplateError) -> Void) throws(TemplateError) -> String {
    let outer = output
    output = ""
    defer { output = outer }
    try body()
    return output
  }

  // MARK: Limits

  /// Counts work, in bytes or so.
  func spend(_ amount: Int) throws(TemplateError) {
    let (sum, overflow) = work.addingReportingOverflow(amount)
    guard !overflow, sum <= Limit.work else {
      throw TemplateError(
        .limit, "the template works too long: endless loop, or more text than fits \(Limit.work >> 20) MB?")
    }
    work = sum
  }

  func enter(levels: Int) throws(TemplateError) {
    activeLevels += levels
    guard activeLevels <= Limit.activeLevels else {
      throw TemplateError(.limit, "macros call each other too deeply")
    }
  }

  func leave(levels: Int) { activeLevels -= levels }

  func write(_ text: String) throws(TemplateError) {
    try spend(text.utf8.count)
    output += text
  }
}
