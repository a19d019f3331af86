extension LaunchOptions {
  /// The text of `launch --help`, not wider than 100 columns.
  ///
  /// - Parameter program: the program's name
  public static func help(program: String = "minimind-dpo") -> String {
    var text = """
      OVERVIEW: Starts a command in several processes, one for each GPU or a few for the CPU, on this machine or on
      several, watches them, and restarts them after a failure if asked to.

      USAGE: \(program) launch [<options>] <command> [<options of the command>]
             \(program) launch [<options>] --no-python <program> [<arguments>]

      The options are torchrun's, with dashes or underscores, and may be shortened while they stay unique. Each takes its
      default from an environment variable, such as PET_NPROC_PER_NODE. Everything after the command's name belongs to
      the command.

      All GPUs of this machine:
        \(program) launch --nproc-per-node gpu train --model minimind-3 --train-data dpo.jsonl --output-dir out
      Two machines with 8 GPUs each; the same on both except for --node-rank:
        \(program) launch --nnodes 2 --node-rank 0 --master-addr node0 --nproc-per-node 8 train …
      Two to four machines, in any order; node0 is one of them:
        \(program) launch --nnodes 2:4 --rdzv-backend c10d --rdzv-endpoint node0:29400 --nproc-per-node 8 train …

      OPTIONS:

      """
    for option in LaunchOption.all {
      guard !option.help.isEmpty else { continue }
      var spelling = option.letter.map { "-\($0), " } ?? ""
      spelling += "--\(option.name)"
      if case .value(let placeholder) = option.kind { spelling += " <\(placeholder)>" }
      text += "  \(spelling)\n" + wrapped(option.help, indent: 10, width: 100) + "\n"
    }
    text += "  -h, --help\n" + wrapped("This text.", indent: 10, width: 100)
    return text
      + """


      The exit code is 0 when all workers succeeded, else the code of the one that failed first, or 128 and the signal's
      number. Workers that ended with 64, 65, 66 or 73 (usage, bad data, missing input, cannot write) are not restarted.
      """
  }

  private static func wrapped(_ text: String, indent: Int, width: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(margin + word)
      }
    }
    return lines.joined(separator: "\n")
  }
}
