import Foundation
import Jinja
import OrderedJSON
import Testing

/// Equality with Jinja as `transformers` sets it up; goldens by Tools/reference/chat_templates.py.
@Suite("Reference") struct ReferenceTests {
  @Test("Every small template gives what Jinja gives, or the same kind of error")
  func smallTemplates() throws {
    let folder = try #require(Bundle.module.url(forResource: "Goldens", withExtension: nil))
    let json = try JSON(parsing: Data(contentsOf: folder.appendingPathComponent("expressions.json")))
    let context = try #require(json["context"]?.object)
    let cases = try #require(json["cases"]?.array)
    #expect(cases.count > 1000)
    for golden in cases {
      let source = try #require(golden["template"]?.string)
      let outcome: Outcome
      do throws(TemplateError) {
        outcome = .text(try Template(source).render(context))
      } catch {
        outcome = .error(error)
      }
      switch (outcome, golden["result"]?.string) {
      case (.text(let text), let expected?):
        #expect(
          text.utf8.elementsEqual(expected.utf8),
          "\(source.debugDescription): \(text.debugDescription), not \(expected.debugDescription)")
      case (.error(let error), nil):
        let expected = golden["error"]?.string
        #expect(error.reason.isLike(expected), "\(source.debugDescription): \(error)")
        #expect(error.line > 0, "\(source.debugDescription): \(error)")
        if let message = golden["message"]?.string {
          #expect(error.message == message, "\(source.debugDescription): \(error)")
        }
      case (.text(let text), nil):
        Issue.record("\(source.debugDescription): \(text.debugDescription), not an error")
      case (.error(let error), let expected?):
        Issue.record("\(source.debugDescription): \(error), not \(expected.debugDescription)")
      }
    }
  }

  private enum Outcome {
    case text(String)
    case error(TemplateError)
  }
}

extension TemplateError.Reason {
  /// Jinja has no name for what is not supported here; and its limits are other errors there.
  fileprivate func isLike(_ kind: String?) -> Bool {
    switch self {
    case .unsupported: kind == "syntax"
    case .limit: kind == "runtime"
    default: "\(self)" == kind
    }
  }
}
