/// Variables of a loop, macro or block. There are few, so a search by number is the fastest way to find one.
final class Scope {
  let parent: Scope?
  private var symbols: [Int] = []
  private var values: [Value] = []

  init(parent: Scope?) { self.parent = parent }

  subscript(symbol: Int) -> Value? {
    get {
      for (index, candidate) in symbols.enumerated() where candidate == symbol { return values[index] }
      return nil
    }
    set {
      guard let newValue else { return }
      for (index, candidate) in symbols.enumerated() where candidate == symbol {
        values[index] = newValue
        return
      }
      symbols.append(symbol)
      values.append(newValue)
    }
  }

  func removeAll() {
    symbols.removeAll(keepingCapacity: true)
    values.removeAll(keepingCapacity: true)
  }
}
