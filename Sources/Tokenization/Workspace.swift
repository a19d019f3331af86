import Synchronization

/// All memory that encoding one text needs. Owned by one thread at a time.
struct Workspace: ~Copyable {
  var tokens = TokenBuffer()
  var merging = MergeWorkspace()
  var cache = WordCache()
  var splitting = SplitScratch()
  var plainParts: [AddedTokenFinder.Part] = []
  var normalizedParts: [AddedTokenFinder.Part] = []
  var pieces = Spans()
  var finerPieces = Spans()
}

/// The workspaces of a tokenizer that no thread is using. Their caches of words stay warm from call to call.
final class WorkspacePool: Sendable {
  /// A workspace that can be passed around. Sendable because it is either in the pool or used by one thread, never both.
  final class Loan: @unchecked Sendable {
    var workspace = Workspace()
  }

  private let idle = Mutex<[Loan]>([])
  private let gaveUp = Atomic(false)

  /// Whether a regular expression took too long on some text.
  var hasGivenUp: Bool { gaveUp.load(ordering: .relaxed) }

  /// Runs something with a workspace of its own.
  func withWorkspace<Result>(_ body: (inout Workspace) -> Result) -> Result {
    let loan = idle.withLock { $0.popLast() } ?? Loan()
    defer {
      if loan.workspace.splitting.matcher.hasGivenUp { gaveUp.store(true, ordering: .relaxed) }
      // Keeping one for every thread that ever encoded at the same time would be too many.
      idle.withLock { if $0.count < 64 { $0.append(loan) } }
    }
    return body(&loan.workspace)
  }
}
