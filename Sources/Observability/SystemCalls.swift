import Foundation

/// `write(2)` of all the bytes in one call, tried again when a signal came before anything was written.
/// Returns what `write` returned.
func writeOnce(_ bytes: [UInt8], to descriptor: CInt) -> Int {
  while true {
    let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if written >= 0 || errno != EINTR { return written }
  }
}
