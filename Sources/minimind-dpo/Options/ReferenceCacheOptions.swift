import ArgumentParser
import Files
import Foundation
import Training

/// Where the reference's log-probabilities are kept between runs.
struct ReferenceCacheArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Where the reference's log-probabilities, where they are computed once, are kept for other runs; off keeps none. \
      Without: reference in $MINIMIND_DPO_CACHE or ~/.cache/minimind-dpo.
      """, valueName: "folder|off"))
  var refCache: String?

  /// The cache; nil where nothing is kept.
  var cache: ReferenceCache? {
    if refCache == "off" { return nil }
    let named = refCache.map { URL(fileURLWithPath: $0, isDirectory: true) }
    return (named ?? ReferenceCache.standardFolder()).map { ReferenceCache(folder: $0, program: Program.identity) }
  }
}
