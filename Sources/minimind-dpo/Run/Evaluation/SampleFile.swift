import Files
import Foundation
import OrderedJSON
import Training

/// `samples.jsonl`: the answers to the sample prompts after each evaluation, and the reference's, a line each.
final class SampleFile {
  private let lines: RecordQueue

  /// Opens the file.
  ///
  /// - Parameter resumedStep: the step after which the run continues: later answers are dropped; 0 for a new run
  init(in folder: RunFolder, resumedStep: Int) throws {
    let file = folder.file("samples.jsonl")
    if resumedStep > 0, let bytes = FileManager.default.contents(atPath: file.path) {
      let kept = bytes.split(separator: UInt8(ascii: "\n")).filter { line in
        (try? JSON(parsing: Data(line)))?["step"]?.int.map { $0 <= resumedStep } ?? false
      }
      try writeAtomically(Data(kept.flatMap { $0 + [UInt8(ascii: "\n")] }), to: file)
    }
    lines = try RecordQueue(file, emptying: resumedStep == 0)
  }

  /// Goes on in another folder, with all answers so far.
  func move(to folder: RunFolder) throws(FileError) { try lines.move(to: folder.file("samples.jsonl")) }

  /// Writes what could not be written before.
  func finish() throws(FileError) { try lines.synchronize() }

  /// Adds the answers of a model.
  ///
  /// - Parameter model: `policy` or `reference`
  func append(_ answers: [SampledAnswer], to prompts: SamplePrompts, of model: String, step: Int) {
    for (place, answer) in answers.enumerated() {
      let line: JSON = [
        "step": .integer(step), "model": .string(model), "prompt": .integer(place),
        "messages": .array(prompts.requests[place].messages), "response": .string(prompts.text(of: answer)),
        "tokens": .integer(answer.tokens.count), "ended": .bool(answer.isEnded),
      ]
      lines.append(Array((line.serialized(.python) + "\n").utf8))
    }
  }
}
