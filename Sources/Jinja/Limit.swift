/// Limits on what a template may use, so that a hostile one ends with an error instead of a crash.
enum Limit {
  /// Levels of blocks, brackets and signs in the source.
  static let nesting = 100
  /// Levels of an expression, for example the terms of a sum.
  static let expressionDepth = 400
  /// Levels of the template that are active at once, over all macro calls.
  static let activeLevels = 2_000
  /// Levels of lists within lists; the first 512 are what JSON may have.
  static let valueDepth = 768
  /// The longest `range`, as in Jinja's sandbox.
  static let range = 100_000
  /// Bytes written or copied while rendering; each turn of a loop counts as `turn` bytes. A long conversation needs 1 % of it.
  static let work = 1 << 28
  /// The bytes that one turn of a loop or one call of a macro counts as.
  static let turn = 128
}
