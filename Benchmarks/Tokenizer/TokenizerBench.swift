import Foundation
import OrderedJSON
import Tokenization

/// How long a batch of texts takes; ../peers/tokenize_batch.py compares it with Hugging Face's `tokenizers`.
///
///     swift run -c release tokenizer-bench FOLDER TEXTS IDS
///
/// FOLDER holds the tokenizer, TEXTS a JSON string per line; IDS is written, an array per line. Prints the
/// seconds of two passes: the first finds no words in the tokenizer's cache, the second all of them.
@main
enum TokenizerBench {
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst().map { URL(fileURLWithPath: $0) }
    guard arguments.count == 3 else { throw Usage() }
    let tokenizer = try Tokenizer(folder: arguments[0])
    let texts = try String(contentsOf: arguments[1], encoding: .utf8).split(separator: "\n").compactMap {
      try JSON(parsing: Data($0.utf8)).string
    }
    var ids: [[Int32]] = []
    var seconds: [Double] = []
    for _ in 0..<2 {
      let started = ContinuousClock.now
      ids = tokenizer.encode(batch: texts)
      seconds.append((ContinuousClock.now - started) / .seconds(1))
    }
    let lines = ids.map { "[" + $0.map(String.init).joined(separator: ",") + "]\n" }.joined()
    try Data(lines.utf8).write(to: arguments[2])
    print("[\(seconds[0]), \(seconds[1])]")
  }

  private struct Usage: Error, CustomStringConvertible {
    let description = "usage: tokenizer-bench FOLDER TEXTS IDS"
  }
}
