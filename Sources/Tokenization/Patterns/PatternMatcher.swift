/// Runs a compiled pattern over a text by backtracking, with a stack of its own: deep texts cannot overflow the thread's.
///
/// Backtracking may take time that grows exponentially with the text (`(a+)+b`). So a search has a number of steps that grows
/// with the text, several hundred times what the patterns of known tokenizers need; beyond it nothing matches any more.
struct PatternMatcher {
  /// Steps that a text may take: so many, and more for each byte.
  private static let (baseSteps, stepsPerByte) = (1_000_000, 2_000)

  /// Whether a search was given up.
  private(set) var hasGivenUp = false
  private var stepsLeft = Int.max

  /// Gives the searches in a text of so many bytes their steps.
  mutating func begin(bytes: Int) {
    stepsLeft = Self.baseSteps + bytes * Self.stepsPerByte
  }
  /// A choice to come back to.
  private struct Choice {
    /// Where to go on.
    var instruction: Int
    /// From which position.
    var position: Int
    var kind: Kind

    enum Kind {
      /// The other branch.
      case fork
      /// A greedy run, which may give back scalars down to a position.
      case shrink(to: Int)
      /// A lazy run, which may take this number of additional scalars.
      case grow(by: Int)
    }
  }

  private var choices: [Choice] = []

  /// The leftmost match at or after a position, as Oniguruma finds it.
  ///
  /// - Parameters:
  ///   - program: the compiled pattern.
  ///   - text: the text; anchors and look-arounds see all of `text.bytes[start..<text.end]`.
  ///   - start: where the text begins.
  ///   - position: where the search begins.
  mutating func firstMatch(
    of program: PatternProgram, in text: ClassifiedText, start: Int, from position: Int
  ) -> (start: Int, end: Int)? {
    var position = position
    while true {
      if hasGivenUp { return nil }
      while position < text.end, !program.firstBytes[Int(text.bytes[position])] { position += 1 }
      if let end = match(program, text, textStart: start, instruction: 0, position: position) { return (position, end) }
      if position >= text.end { return nil }
      position = text.scalar(at: position).next
    }
  }

  private mutating func match(
    _ program: PatternProgram, _ text: ClassifiedText, textStart: Int, instruction: Int, position: Int
  ) -> Int? {
    let floor = choices.count
    defer { if choices.count > floor { choices.removeLast(choices.count - floor) } }
    var instruction = instruction
    var position = position
    while true {
      stepsLeft -= 1
      if stepsLeft < 0 {
        hasGivenUp = true
        return nil
      }
      var succeeded = true
      switch program.instructions[instruction] {
      case .accept: return position
      case .byte(let byte):
        succeeded = position < text.end && text.bytes[position] == byte
        position += 1
        instruction += 1
      case .set(let set):
        if position < text.end, let next = step(program.sets[set], text, position) {
          position = next
          instruction += 1
        } else {
          succeeded = false
        }
      case .greedyRun(let set, let least, let most):
        let (end, shortest) = run(program.sets[set], text, position, atLeast: least, atMost: most)
        stepsLeft -= (end - position) >> 3
        succeeded = shortest >= 0
        instruction += 1
        if end > shortest, succeeded {
          choices.append(Choice(instruction: instruction, position: end, kind: .shrink(to: shortest)))
        }
        position = end
      case .possessiveRun(let set, let least, let most):
        let (end, shortest) = run(program.sets[set], text, position, atLeast: least, atMost: most)
        stepsLeft -= (end - position) >> 3
        succeeded = shortest >= 0
        instruction += 1
        position = end
      case .lazyRun(let set, let least, let most):
        let (end, shortest) = run(program.sets[set], text, position, atLeast: least, atMost: least)
        succeeded = shortest >= 0
        if succeeded, most > least {
          choices.append(Choice(instruction: instruction, position: end, kind: .grow(by: most - least)))
        }
        instruction += 1
        position = end
      case .fork(let first, let second):
        choices.append(Choice(instruction: second, position: position, kind: .fork))
        instruction = first
      case .jump(let target):
        instruction = target
      case .expect(let bytes, let otherwise):
        let isPossible = position < text.end && program.expectedBytes[bytes + Int(text.bytes[position])]
        instruction = isPossible ? instruction + 1 : otherwise
      case .lookAhead(let end, let isNegative):
        let found = match(program, text, textStart: textStart, instruction: instruction + 1, position: position)
        succeeded = (found == nil) == isNegative
        instruction = end
      case .lookBehind(let length, let end, let isNegative):
        var found: Int?
        stepsLeft -= length >> 3
        if let earlier = back(length, from: position, in: text, textStart: textStart) {
          found = match(program, text, textStart: textStart, instruction: instruction + 1, position: earlier)
        }
        succeeded = (found == nil) == isNegative
        instruction = end
      case .atomic(let end):
        if let found = match(program, text, textStart: textStart, instruction: instruction + 1, position: position) {
          position = found
          instruction = end
        } else {
          succeeded = false
        }
      case .assertion(let assertion):
        succeeded = holds(assertion, text, textStart: textStart, position: position)
        instruction += 1
      }
      if !succeeded {
        guard let (next, place) = reconsider(program, text, downTo: floor) else { return nil }
        instruction = next
        position = place
      }
    }
  }

  /// Takes up the latest choice made since there were `floor` of them.
  private mutating func reconsider(
    _ program: PatternProgram, _ text: ClassifiedText, downTo floor: Int
  ) -> (instruction: Int, position: Int)? {
    while choices.count > floor, let choice = choices.popLast() {
      switch choice.kind {
      case .fork:
        return (choice.instruction, choice.position)
      case .shrink(let shortest):
        let shorter = text.start(ofScalarEndingAt: choice.position)
        if shorter > shortest {
          choices.append(Choice(instruction: choice.instruction, position: shorter, kind: choice.kind))
        }
        return (choice.instruction, shorter)
      case .grow(let count):
        guard case .lazyRun(let set, _, _) = program.instructions[choice.instruction], choice.position < text.end,
          let next = step(program.sets[set], text, choice.position)
        else { continue }
        if count > 1 {
          choices.append(Choice(instruction: choice.instruction, position: next, kind: .grow(by: count - 1)))
        }
        return (choice.instruction + 1, next)
      }
    }
    return nil
  }

  /// The position after a scalar of a set.
  @inline(__always)
  private func step(_ set: ScalarSet, _ text: ClassifiedText, _ position: Int) -> Int? {
    let (value, next) = text.scalar(at: position)
    return set.contains(value, classes: text.classes) ? next : nil
  }

  /// The end of the longest run of a set, and of the shortest allowed; the latter is -1 where the run is too short.
  @inline(__always)
  private func run(
    _ set: ScalarSet, _ text: ClassifiedText, _ position: Int, atLeast least: Int, atMost most: Int
  ) -> (end: Int, shortest: Int) {
    var position = position
    var count = 0
    var shortest = least == 0 ? position : -1
    while count < most, position < text.end, let next = step(set, text, position) {
      position = next
      count += 1
      if count == least { shortest = position }
    }
    return (position, shortest)
  }

  /// The position some scalars earlier.
  private func back(_ count: Int, from position: Int, in text: ClassifiedText, textStart: Int) -> Int? {
    var position = position
    for _ in 0..<count {
      guard position > textStart else { return nil }
      position = text.start(ofScalarEndingAt: position)
    }
    return position
  }

  private func holds(
    _ assertion: PatternNode.Assertion, _ text: ClassifiedText, textStart: Int, position: Int
  ) -> Bool {
    switch assertion {
    case .textStart: return position == textStart
    case .textEnd: return position == text.end
    case .lineStart:
      // After the line break that ends the text no line starts.
      return position == textStart || (position < text.end && text.bytes[position - 1] == 0x0A)
    case .lineEnd: return position == text.end || text.bytes[position] == 0x0A
    case .lastLineEnd:
      return position == text.end || (position + 1 == text.end && text.bytes[position] == 0x0A)
    case .wordBoundary, .noWordBoundary:
      let before = position > textStart && isWord(text, text.start(ofScalarEndingAt: position))
      let after = position < text.end && isWord(text, position)
      return (before != after) == (assertion == .wordBoundary)
    }
  }

  private func isWord(_ text: ClassifiedText, _ position: Int) -> Bool {
    text.classBit(at: position).bit & CharacterClasses.word != 0
  }
}
