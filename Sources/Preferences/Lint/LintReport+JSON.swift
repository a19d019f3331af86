import OrderedJSON

extension LintReport {
  /// The report as an object, for programs.
  public var json: JSON {
    [
      "pairs": .integer(pairs),
      "problems": .integer(findings(.problem).count),
      "warnings": .integer(findings(.warning).count),
      "notes": .integer(findings(.note).count),
      "removable_pairs": .integer(removablePairs.count),
      "findings": .array(findings.map(\.json)),
      "lengths": [
        "prompt": lengths.prompts.json, "chosen": lengths.chosen.json, "rejected": lengths.rejected.json,
        "chosen_longer_share": .number(lengths.longerShare), "length_correlation": .number(lengths.correlation),
      ],
    ]
  }
}

extension LintFinding {
  /// The finding as an object, with the indices of all its pairs.
  var json: JSON {
    let check = LintCheck.named(check)
    var members: JSON.Object = [
      "check": .string(self.check),
      "severity": .string(severity.rawValue),
      "title": .string(check?.title ?? ""),
      "count": .integer(count),
      "total": .integer(total),
      "unit": .string(unit),
      "examples": .array(examples.map { ["line": .integer($0.line), "note": .string($0.note)] }),
      "advice": .string(check?.advice ?? ""),
      "pairs": .array(pairs.map { .integer($0) }),
    ]
    if let remark { members["remark"] = .string(remark) }
    return .object(members)
  }
}

extension LengthHistogram {
  /// The bins that are not empty, as a list of objects.
  var json: JSON {
    .array(
      counts.indices.filter { counts[$0] > 0 }.map { bin in
        let range = Self.range(ofBin: bin)
        return ["from": .integer(range.lowerBound), "to": .integer(range.upperBound), "count": .integer(counts[bin])]
      })
  }
}
