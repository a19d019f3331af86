/// What only `sweep` takes: several values for an option of which `train` takes one.
enum SweepCommandLine {
  private static let lists = ["learning-rate": "learning-rates", "beta": "betas"]

  /// The options of `sweep`, in which `--learning-rate 1e-6,5e-6`, and the same as a list in a file, are `--learning-rates`.
  static func completed(_ given: GivenOptions) -> GivenOptions {
    var given = given
    for (name, list) in lists {
      // What is given on the command line, or in a later file, replaces the list of an earlier one.
      let source = given.options.last { $0.name == name }?.origin.source
      given.options.removeAll { $0.name == name && $0.origin.source != source }
      let places = given.options.indices.filter { given.options[$0].name == name }
      let isList = source != nil && places.count > 1
      for place in places where isList || given.options[place].value?.contains(",") == true {
        given.options[place].name = list
      }
    }
    return given
  }
}
