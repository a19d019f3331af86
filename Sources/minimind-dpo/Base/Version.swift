/// What `--version` prints, and what runs record.
enum Version {
  static let number = "0.1.0"
  static var text: String { "minimind-dpo \(number)" }
}
