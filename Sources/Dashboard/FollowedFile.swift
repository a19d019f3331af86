import Foundation

/// A file that others append to, read piece by piece: what was read is never read again, unless the file has become another
/// one.
package struct FollowedFile {
  /// What a look at the file brought.
  package struct Piece {
    /// Whole lines that are new, without their ends.
    package var lines: [Data] = []
    /// Whether the file is another one than at the last look (replaced, emptied, or written anew): the lines begin with its
    /// first, and what was known of it no longer holds.
    package var isOther = false
    /// Whether there is more to read at once.
    package var hasMore = false
  }

  private let path: String
  private var identity: Identity?
  private var offset = 0
  /// A line whose end is not there yet.
  private var torn = Data()
  /// The last bytes before `offset`: by them a file is known again that was emptied and has grown beyond it meanwhile.
  private var tail = Data()
  private var size = 0
  private var written = timespec()
  private static let tailSize = 64

  private struct Identity: Equatable {
    let device: UInt64
    let inode: UInt64
  }

  package init(_ file: URL) { path = file.path }

  /// Whether there is such a file.
  package var exists: Bool { identity != nil }

  /// Reads what has come since the last look.
  ///
  /// - Parameter limit: the most bytes at once
  package mutating func look(limit: Int = 4 << 20) -> Piece {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      let wasThere = identity != nil
      self = FollowedFile(URL(fileURLWithPath: path))
      return Piece(isOther: wasThere)
    }
    let now = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    let isUnchanged =
      now == identity && Int(status.st_size) == size && offset == size
      && status.st_mtim.tv_sec == written.tv_sec && status.st_mtim.tv_nsec == written.tv_nsec
    if isUnchanged { return Piece() }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return Piece() }
    defer { close(descriptor) }
    var piece = Piece()
    if now != identity || Int(status.st_size) < offset || !isKnownAgain(descriptor) {
      piece.isOther = identity != nil
      (offset, torn, tail) = (0, Data(), Data())
    }
    (identity, size, written) = (now, Int(status.st_size), status.st_mtim)
    let bytes = Self.read(descriptor, from: offset, count: min(limit, max(0, size - offset)))
    offset += bytes.count
    piece.hasMore = !bytes.isEmpty && offset < size
    tail = Data((tail + bytes).suffix(Self.tailSize))
    piece.lines = lines(of: bytes)
    return piece
  }

  private func isKnownAgain(_ descriptor: Int32) -> Bool {
    tail.isEmpty || Self.read(descriptor, from: offset - tail.count, count: tail.count) == tail
  }

  private mutating func lines(of bytes: Data) -> [Data] {
    guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else {
      torn += bytes
      // No record is so long; a file without line ends must not fill the memory.
      if torn.count > 64 << 20 { torn = Data("-".utf8) }
      return []
    }
    let whole = torn + bytes[..<end]
    torn = Data(bytes[bytes.index(after: end)...])
    return whole.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { Data($0) }
  }

  private static func read(_ descriptor: Int32, from offset: Int, count: Int) -> Data {
    guard count > 0 else { return Data() }
    var bytes = Data(count: count)
    let got = bytes.withUnsafeMutableBytes { buffer -> Int in
      var done = 0
      while done < count, let start = buffer.baseAddress {
        let some = pread(descriptor, start + done, count - done, off_t(offset + done))
        if some < 0, errno == EINTR { continue }
        guard some > 0 else { break }
        done += some
      }
      return done
    }
    return got == count ? bytes : bytes.prefix(got)
  }
}
