/// A part of a template that does something.
protocol Statement: Sendable {
  func run(_ renderer: Renderer) throws(TemplateError) -> Flow
}

/// Where the template goes on after a statement.
enum Flow {
  case next
  case leaveLoop
  case nextTurn
}

/// Statements in order.
struct Body: Sendable {
  var statements: [any Statement] = []

  func run(_ renderer: Renderer) throws(TemplateError) -> Flow {
    for statement in statements {
      let flow = try statement.run(renderer)
      if flow != .next { return flow }
    }
    return .next
  }
}

/// Text outside of tags.
struct Text: Statement {
  let text: String

  func run(_ renderer: Renderer) throws(TemplateError) -> Flow {
    try renderer.write(text)
    return .next
  }
}

/// `{{ … }}`.
struct Output: Statement {
  let expression: any Expression
  let line: Int

  func run(_ renderer: Renderer) throws(TemplateError) -> Flow {
    renderer.line = line
    let value = try expression.evaluate(renderer)
    if value.isContainer { try renderer.spend(value.weight) }
    if case .string(let text) = value { try renderer.write(text) } else { try renderer.write(try value.printed()) }
    return .next
  }
}

/// `{% if %}` with its `elif` and `else`.
struct If: Statement {
  let branches: [(test: any Expression, line: Int, body: Body)]
  let otherwise: Body

  func run(_ renderer: Renderer) throws(TemplateError) -> Flow {
    for branch in branches {
      renderer.line = branch.line
      if try branch.test.evaluate(renderer).isTrue { return try branch.body.run(renderer) }
    }
    return try otherwise.run(renderer)
  }
}

/// Where a value can be stored.
indirect enum Target: Sendable {
  case name(Int)
  case attribute(Int, String)
  case tuple([Target])
}

/// `{% for %}`.
struct For: Statement {
  let target: Target
  let items: any Expression
  let test: (any Expression)?
  let body: Body
  let otherwise: Body?
  /// The symbol of `loop` where the body uses it.
  let loopSymbol: Int?
  let line: Int

  func run(_ renderer: Renderer) throws(TemplateError) -> Flow {
    renderer.line = line
    let items = try items.evaluate(renderer).iterated()
    try renderer.spend(items.count * 8)
    let outer = renderer.scope
    let scope = Scope(parent: outer)
    renderer.scope = scope
    defer { renderer.scope = outer }

    // As in Jinja, the else part runs unless some turn came to its end: not after a break in the first turn.
    var hasCompletedTurn = false
    let loop = try Loop(items, if: test.map { test in filter(test, outer, renderer) })
    while let item = try loop.advance() {
      try renderer.spend(Limit.turn)
      scope.removeAll()
      if let loopSymbol { scope[loopSymbol] = .loop(loop) }
      try renderer.assign(item, to: target)
      let flow = try body.run(renderer)
      if flow == .leaveLoop { break }
      if flow == .next { hasCompletedTurn = true }
      renderer.line = line
    }
    if !hasCompletedTurn, let otherwise {
      renderer.scope = outer
      return try renderer.scoped(otherwise)
    }
    return .next
  }

  /// Tests an item in a scope of its own: the loop's variables are not those of the body.
  private func filter(
    _ test: any Expression, _ outer: Scope?, _ renderer: Renderer
  ) -> (Value) throws(TemplateError) -> Bool {
    { (item) throws(TemplateError) in
      try renderer.spend(Limit.turn)
      let scope = renderer.scope
      renderer.scope = Scope(parent: outer)
      defer { renderer.scope = scope }
      try renderer.assign(item, to: target)
      return try test.evaluate(renderer).isTrue
    }
  }
}

/// `{% break %}` and `{% continue %}`.
struct Jump: Statement {
  let flow: Flow

  func run(_ renderer: Renderer) -> Flow { flow }
}

/// `{% set a = … %}`.
struct Assignment: Statement {
  let target: Target
  let value: any Expression
  let line: Int

  func run(_ renderer: Renderer) throws(TemplateError) -> Flow {
    renderer.line = line
    try renderer.assign(try value.evaluate(renderer), to: target)
    return .next
  }
}

/// A block with variables of its own: `{% with %}`, `{% generation %}`.
struct Block: Statement {
  let assignments: [(target: Target, value: any Expression)]
  let body: Body
  let line: Int

  func run(_ renderer: Renderer) throws(TemplateError) -> Flow {
    renderer.line = line
    let outer = renderer.scope
    var values: [Value] = []
    for assignment in assignments { values.append(try assignment.value.evaluate(renderer)) }
    renderer.scope = Scope(parent: outer)
    defer { renderer.scope = outer }
    for (assignment, value) in zip(assignments, values) { try renderer.assign(value, to: assignment.target) }
    return try body.run(renderer)
  }
}

/// `{% set a %}…{% endset %}` and `{% filter f %}…{% endfilter %}`: what the body writes, through filters.
struct Capture: Statement {
  /// Where the text goes; nil writes it.
  let target: Target?
  let body: Body
  /// The filters, applied to what `CapturedText` gives; nil if there are none.
  let filters: (any Expression)?
  let line: Int

  func run(_ renderer: Renderer) throws(TemplateError) -> Flow {
    renderer.line = line
    var value = Value.string(
      try renderer.captured { () throws(TemplateError) in _ = try renderer.scoped(body) })
    if let filters {
      let outer = renderer.capturedText
      renderer.capturedText = value
      defer { renderer.capturedText = outer }
      value = try filters.evaluate(renderer)
    }
    if let target {
      try renderer.assign(value, to: target)
    } else {
      if value.isContainer { try renderer.spend(value.weight) }
      try renderer.write(try value.printed())
    }
    return .next
  }
}

/// What a block's filters are applied to.
struct CapturedText: Expression {
  func evaluate(_ renderer: Renderer) -> Value { renderer.capturedText }
}
