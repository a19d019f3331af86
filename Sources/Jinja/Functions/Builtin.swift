import Foundation
import OrderedCollections

/// The functions that every template can call.
enum Builtin: String, CaseIterable {
  case range
  case namespace
  case dict
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"

  /// Jinja's other global functions, refused by name when a template is read.
  static let unsupported: Set<String> = ["lipsum", "cycler", "joiner"]

  func call(_ arguments: Arguments, _ renderer: Renderer) throws(TemplateError) -> Value {
    switch self {
    case .range:
      return .iterable(try range(arguments, renderer))
    case .namespace:
      let namespace = try renderer.makeNamespace()
      for (key, value) in try members(arguments) {
        guard let name = key.text else { throw .runtime("a namespace's attributes must be strings") }
        try Namespace.check(name)
        namespace.attributes[name] = value
      }
      return .namespace(namespace)
    case .dict:
      return .dictionary(try Mapping(try members(arguments)))
    case .raiseException:
      let bound = try Signature("message", required: 1).bind(arguments, to: rawValue)
      throw TemplateError(.raised, try bound.value(0).printed(), line: renderer.line)
    case .strftimeNow:
      let bound = try Signature("format", required: 1).bind(arguments, to: rawValue)
      return .string(formatted(renderer.now, try bound.requiredText(0)))
    }
  }

  private func range(_ arguments: Arguments, _ renderer: Renderer) throws(TemplateError) -> Iterable {
    guard arguments.named.isEmpty, (1...3).contains(arguments.positional.count) else {
      throw .runtime("range() takes 1 to 3 positional arguments")
    }
    var numbers: [Int] = []
    for value in arguments.positional {
      if case .undefined(let undefined) = value { throw undefined.error }
      guard let number = value.asInteger else {
        throw .runtime("'\(value.typeName)' object cannot be interpreted as an integer")
      }
      numbers.append(number)
    }
    let start = numbers.count > 1 ? numbers[0] : 0
    let stop = numbers.count > 1 ? numbers[1] : numbers[0]
    let step = numbers.count > 2 ? numbers[2] : 1
    guard step != 0 else { throw .runtime("range() arg 3 must not be zero") }
    var items: [Value] = []
    var index = start
    while step > 0 ? index < stop : index > stop {
      guard items.count < Limit.range else {
        throw TemplateError(.limit, "Range too big: a range may have at most \(Limit.range) numbers")
      }
      items.append(.integer(index))
      let (next, overflow) = index.addingReportingOverflow(step)
      if overflow { break }
      index = next
    }
    try renderer.spend(items.count * 16)
    return try Iterable(.range(description: "range(\(start), \(stop)\(step == 1 ? "" : ", \(step)"))"), items)
  }

  /// What `dict(…)` and `namespace(…)` are given: a mapping or pairs, and names.
  private func members(_ arguments: Arguments) throws(TemplateError) -> OrderedDictionary<Value, Value> {
    guard arguments.positional.count <= 1 else {
      throw .runtime("\(rawValue)() takes at most 1 positional argument (\(arguments.positional.count) given)")
    }
    var members: OrderedDictionary<Value, Value> = [:]
    if let first = arguments.positional.first {
      if case .dictionary(let mapping) = first {
        members = mapping.members
      } else {
        if case .undefined(let undefined) = first { throw undefined.error }
        for pair in try first.iterated() {
          let items = try pair.iterated()
          guard items.count == 2, items[0].isHashable else {
            throw .runtime("\(rawValue)() needs a mapping or pairs of keys and values")
          }
          members[items[0]] = items[1]
        }
      }
    }
    for (name, value) in arguments.named { members[.string(name)] = value }
    return members
  }

  /// The local time by C's `strftime`; `%f` is Python's own: microseconds.
  private func formatted(_ date: Date, _ format: String) -> String {
    let seconds = date.timeIntervalSince1970
    var time = time_t(seconds.rounded(.down))
    var parts = tm()
    localtime_r(&time, &parts)
    let microseconds = Int((seconds - seconds.rounded(.down)) * 1_000_000)
    let digits = String(microseconds)
    let format = format.replacing("%f", with: String(repeating: "0", count: 6 - digits.count) + digits)
    guard !format.isEmpty else { return "" }
    // An empty result and a buffer too small both give 0, so a mark is added that makes every result non-empty.
    for size in [256, 4096, 65536] {
      var buffer = [CChar](repeating: 0, count: size)
      let count = strftime(&buffer, size, format + "|", &parts)
      if count > 0 {
        return String(decoding: buffer[..<(count - 1)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
      }
    }
    return ""
  }
}
