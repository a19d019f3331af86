import Files
import Foundation

/// Unpacks and packs gzip files with the zlib of the machine, looked up when the first compressed file is met: programs
/// that meet none need no zlib, neither to build nor to run.
enum GzipFile {
  private typealias Open = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>) -> OpaquePointer?
  private typealias Read = @convention(c) (OpaquePointer, UnsafeMutableRawPointer, CUnsignedInt) -> CInt
  private typealias ErrorText = @convention(c) (OpaquePointer, UnsafeMutablePointer<CInt>) -> UnsafePointer<CChar>?
  private typealias OpenDescriptor = @convention(c) (CInt, UnsafePointer<CChar>) -> OpaquePointer?
  private typealias Write = @convention(c) (OpaquePointer, UnsafeRawPointer, CUnsignedInt) -> CInt
  private typealias Close = @convention(c) (OpaquePointer) -> CInt

  /// Data beyond `freeSize` bytes may be so many times as large as the file. JSON of conversations packs to a quarter or a
  /// tenth; what gzip can make at the most, 1032 times, is a bomb.
  private static let (freeSize, mostRatio) = (256 << 20, 200)

  private static let libraries = ["libz.so.1", "libz.so", "libz.1.dylib"]

  /// The unpacked contents of a gzip file, of one member or several.
  static func contents(path: String) throws(PreferenceFileError) -> Data {
    let library = try library(for: path)
    guard let openSymbol = dlsym(library, "gzopen"), let readSymbol = dlsym(library, "gzread"),
      let errorSymbol = dlsym(library, "gzerror"), let closeSymbol = dlsym(library, "gzclose")
    else { throw .zlibMissing(path: path, reason: "the library lacks gzopen, gzread, gzerror or gzclose") }
    // The types are those of zlib.h, unchanged since zlib 1.2.
    let open = unsafeBitCast(openSymbol, to: Open.self)
    let read = unsafeBitCast(readSymbol, to: Read.self)
    let errorText = unsafeBitCast(errorSymbol, to: ErrorText.self)
    let close = unsafeBitCast(closeSymbol, to: Close.self)

    guard let file = open(path, "rb") else { throw .unreadable(path: path, reason: "it could not be opened.") }
    defer { _ = close(file) }
    var status = stat()
    guard stat(path, &status) == 0 else { throw .unreadable(path: path, reason: String(cString: strerror(errno))) }
    let limit = max(freeSize, Int(status.st_size).multipliedReportingOverflow(by: mostRatio).partialValue)
    var contents = Data()
    var block = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = block.withUnsafeMutableBytes { buffer in
        // The array is not empty, so its buffer has an address.
        buffer.baseAddress.map { read(file, $0, CUnsignedInt(buffer.count)) } ?? -1
      }
      if count > 0 { contents.append(contentsOf: block[..<Int(count)]) }
      if contents.count > limit { throw .gzipBomb(path: path, size: Int(status.st_size), limit: limit) }
      if count < block.count {
        // A file that is cut off gives a short count without failing; only the error's number tells.
        var number: CInt = 0
        let text = errorText(file, &number).map { String(cString: $0) } ?? "error \(number)"
        if count < 0 || number != 0 { throw .damagedGzip(path: path, reason: text) }
        if count == 0 { return contents }
      }
    }
  }

  /// Writes bytes to an open file, packed as one member without name and time: the same bytes give the same file.
  static func write(_ contents: Data, to descriptor: CInt, path: String) throws {
    let library = try library(for: path)
    guard let openSymbol = dlsym(library, "gzdopen"), let writeSymbol = dlsym(library, "gzwrite"),
      let closeSymbol = dlsym(library, "gzclose")
    else { throw PreferenceFileError.zlibMissing(path: path, reason: "the library lacks gzdopen, gzwrite or gzclose") }
    let open = unsafeBitCast(openSymbol, to: OpenDescriptor.self)
    let write = unsafeBitCast(writeSymbol, to: Write.self)
    let close = unsafeBitCast(closeSymbol, to: Close.self)

    // zlib closes what it was given.
    guard let file = open(dup(descriptor), "wb") else { throw FileError.cannotWrite(path, errno: errno) }
    var rest = contents[...]
    while !rest.isEmpty {
      let piece = rest.prefix(1 << 24)
      let count = piece.withUnsafeBytes { buffer in
        buffer.baseAddress.map { write(file, $0, CUnsignedInt(buffer.count)) } ?? 0
      }
      guard count == piece.count else {
        let number = errno
        _ = close(file)
        throw FileError.cannotWrite(path, errno: number)
      }
      rest = rest.dropFirst(Int(count))
    }
    guard close(file) == 0 else { throw FileError.cannotWrite(path, errno: errno) }
  }

  private static func library(for path: String) throws(PreferenceFileError) -> UnsafeMutableRawPointer {
    guard let library = libraries.lazy.compactMap({ dlopen($0, RTLD_NOW) }).first else {
      let reason = dlerror().map { String(cString: $0) } ?? "not found"
      throw .zlibMissing(path: path, reason: reason)
    }
    return library
  }
}
