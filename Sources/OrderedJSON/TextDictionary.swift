import OrderedCollections

/// A dictionary with texts as keys that keeps their order and compares them by code points, as Python's `dict` does; see
/// `ExactText`.
public struct TextDictionary<Value> {
  private var storage: OrderedDictionary<ExactText, Value>

  private init(_ storage: OrderedDictionary<ExactText, Value>) { self.storage = storage }

  /// An empty dictionary.
  public init() { storage = [:] }

  /// The pairs in their order. Of equal keys the last value wins, at the place of the first, as in Python.
  public init(_ pairs: some Sequence<(key: String, value: Value)>) {
    storage = OrderedDictionary(pairs.lazy.map { (ExactText($0.key), $0.value) }, uniquingKeysWith: { _, last in last })
  }

  /// The number of pairs.
  public var count: Int { storage.count }

  /// Whether there are none.
  public var isEmpty: Bool { storage.isEmpty }

  /// The keys in their order.
  public var keys: [String] { storage.keys.map(\.string) }

  /// The values in the order of their keys.
  public var values: [Value] { storage.values.elements }

  /// The value of a key; nil where there is none. A new key goes to the end; nil removes a key.
  public subscript(key: String) -> Value? {
    get { storage[ExactText(key)] }
    _modify { yield &storage[ExactText(key)] }
  }

  /// The value of a key, or a default where there is none; setting it adds the key.
  public subscript(key: String, default standard: @autoclosure () -> Value) -> Value {
    get { storage[ExactText(key)] ?? standard() }
    _modify { yield &storage[ExactText(key), default: standard()] }
  }

  /// Removes a key and returns its value; nil where there was none.
  @discardableResult
  public mutating func removeValue(forKey key: String) -> Value? { storage.removeValue(forKey: ExactText(key)) }

  /// Removes the pairs for which a predicate holds.
  public mutating func removeAll(where isRemoved: (Element) throws -> Bool) rethrows {
    try storage.removeAll { try isRemoved(($0.key.string, $0.value)) }
  }

  /// Both dictionaries in one: the values of the other win, and its new keys come last.
  public func merging(_ other: TextDictionary) -> TextDictionary {
    var merged = self
    for (key, value) in other { merged[key] = value }
    return merged
  }

  /// The same keys with other values.
  public func mapValues<Other>(_ transform: (Value) throws -> Other) rethrows -> TextDictionary<Other> {
    TextDictionary<Other>(try storage.mapValues(transform))
  }

  /// The pairs for which a predicate holds.
  public func filter(_ isIncluded: (Element) throws -> Bool) rethrows -> TextDictionary {
    TextDictionary(try storage.filter { try isIncluded(($0.key.string, $0.value)) })
  }

  /// The pairs whose value a transformation keeps, with what it gives.
  public func compactMapValues<Other>(_ transform: (Value) throws -> Other?) rethrows -> TextDictionary<Other> {
    TextDictionary<Other>(try storage.compactMapValues(transform))
  }
}

extension TextDictionary: Sequence {
  /// A key with its value.
  public typealias Element = (key: String, value: Value)

  /// Iterates over the pairs in their order.
  public struct Iterator: IteratorProtocol {
    fileprivate var storage: OrderedDictionary<ExactText, Value>.Iterator

    /// The next pair; nil at the end.
    public mutating func next() -> Element? { storage.next().map { ($0.key.string, $0.value) } }
  }

  /// Iterates over the pairs in their order.
  public func makeIterator() -> Iterator { Iterator(storage: storage.makeIterator()) }

  /// The number of pairs.
  public var underestimatedCount: Int { count }
}

extension TextDictionary: ExpressibleByDictionaryLiteral {
  /// The pairs as written; of equal keys the last value wins.
  public init(dictionaryLiteral elements: (String, Value)...) {
    self.init(elements.lazy.map { (key: $0.0, value: $0.1) })
  }
}

// Two dictionaries are equal when they have the same pairs in the same order.
extension TextDictionary: Equatable where Value: Equatable {}
extension TextDictionary: Hashable where Value: Hashable {}
extension TextDictionary: Sendable where Value: Sendable {}
