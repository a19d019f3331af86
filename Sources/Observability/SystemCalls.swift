import Foundation

/// `write(2)` of all the bytes in one call, tried again when a signal came before anything was written.
/// Returns what `write` returned.
func writeOnce(_ bytes: [UInt8], to descriptor: CInt) -> Int {
  while true {
    let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if written >= 0 || errno != EINTR { return written }
  }
}

/// Why a system call failed, in the system's words.
struct SystemCallFailure: Error {
  let reason: String
}

/// Appends bytes to a file opened with `O_APPEND`, all of them or none: a torn record would run into the next one;
/// without it the file stays good for when there is room on the disk again.
func appendWhole(_ bytes: [UInt8], to descriptor: CInt) throws(SystemCallFailure) {
  let written = writeOnce(bytes, to: descriptor)
  if written == bytes.count { return }
  if written < 0 { throw SystemCallFailure(reason: lastSystemError()) }
  let end = lseek(descriptor, 0, SEEK_END)
  _ = ftruncate(descriptor, end - off_t(written))
  throw SystemCallFailure(reason: "no space left on the disk")
}

/// The words for `errno`, to be asked for right after the call that failed.
func lastSystemError() -> String { String(cString: strerror(errno)) }
