import Foundation

/// What every command finds as its standard streams and signals, however it was started.
enum StandardStreams {
  /// Fills descriptors 0 to 2 where the starter closed them, before anything else is opened: the next file opened would
  /// take such a number, and messages would then be written into a checkpoint, or results into a pipe of the program's own.
  ///
  /// Standard input and output are opened the wrong way round, so that reading and writing fail as they do on a closed
  /// descriptor, and a result that nobody receives is an error.
  static func fill() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
      let mode = descriptor == STDOUT_FILENO ? O_RDONLY : O_WRONLY
      let opened = open("/dev/null", mode)
      guard opened >= 0, opened != descriptor else { continue }
      dup2(opened, descriptor)
      close(opened)
    }
  }

  /// Writing to a reader that has gone, or beyond the size that files may have, is an error to be handled, and does not
  /// end the process.
  static func ignoreSignalsOfWriting() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
  }
}
