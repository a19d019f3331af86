import Foundation

/// One stream of a worker on its way: from the pipe to the screen, the log file, and the memory of last lines.
final class WorkerStream {
  let worker: WorkerProcess
  let kind: StreamChoice.Stream
  let screen: Screen?
  let source: Screen.Source
  private let log: LogFile?
  private let prefix: [UInt8]
  private var begun: [UInt8] = []
  private(set) var isOpen = true

  /// - Parameters:
  ///   - screen: where it is shown; nil: nowhere
  ///   - log: the file that keeps it
  ///   - prefix: what stands before each shown line
  init(
    _ kind: StreamChoice.Stream, of worker: WorkerProcess, screen: Screen?, source: Screen.Source, log: LogFile?,
    prefix: String
  ) {
    self.kind = kind
    self.worker = worker
    self.screen = screen
    self.source = source
    self.log = log
    self.prefix = Array(prefix.utf8)
  }

  private var pipe: Descriptor { kind == .output ? worker.output : worker.error }

  /// The descriptor to wait for; nil when there is nothing to wait for, or no room for more.
  var descriptor: Int32? { isOpen && screen?.outlet.isFull != true ? pipe.number : nil }

  /// Passes on what is there, up to a share, so that one loud worker does not keep the others waiting.
  func relay(into buffer: inout [UInt8], upTo limit: Int = 1 << 20) {
    var total = 0
    while isOpen, total < limit, screen?.outlet.isFull != true, let bytes = pipe.readAvailable(into: &buffer) {
      if bytes.isEmpty {
        finish()
      } else {
        total += bytes.count
        pass(bytes)
      }
    }
  }

  /// Passes on all that is there, whether or not there is room for it: the worker has ended. A pipe holds a mebibyte at
  /// the most; what comes beyond is from others that still write.
  func relayAll() {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    var total = 0
    while isOpen, total <= 1 << 20, let bytes = pipe.readAvailable(into: &buffer) {
      if bytes.isEmpty { finish() } else { pass(bytes) }
      total += bytes.count
    }
  }

  /// Nothing more comes.
  func finish() {
    guard isOpen else { return }
    isOpen = false
    if !begun.isEmpty { screen?.show((prefix + begun)[...], from: source) }
    screen?.end(source)
  }

  private func pass(_ bytes: ArraySlice<UInt8>) {
    worker.lastLines.append(bytes, from: kind)
    log?.write(bytes)
    guard let screen else { return }
    if prefix.isEmpty { return screen.show(bytes, from: source) }
    // Only whole lines get a prefix.
    var text: [UInt8] = []
    var rest = bytes
    while let end = rest.firstIndex(of: 0x0A) {
      text += prefix + begun + rest[...end]
      begun.removeAll()
      rest = rest[(end + 1)...]
    }
    begun += rest
    if !text.isEmpty { screen.show(text[...], from: source) }
  }
}
