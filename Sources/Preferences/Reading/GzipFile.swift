import Foundation

/// Unpacks gzip files with the zlib of the machine, looked up when the first compressed file is read: programs that
/// read none need no zlib, neither to build nor to run.
enum GzipFile {
  private typealias Open = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>) -> OpaquePointer?
  private typealias Read = @convention(c) (OpaquePointer, UnsafeMutableRawPointer, CUnsignedInt) -> CInt
  private typealias ErrorText = @convention(c) (OpaquePointer, UnsafeMutablePointer<CInt>) -> UnsafePointer<CChar>?
  private typealias Close = @convention(c) (OpaquePointer) -> CInt

  private static let libraries = ["libz.so.1", "libz.so", "libz.1.dylib"]

  /// The unpacked contents of a gzip file, of one member or several.
  static func contents(path: String) throws(PreferenceFileError) -> Data {
    guard let library = libraries.lazy.compactMap({ dlopen($0, RTLD_NOW) }).first else {
      let reason = dlerror().map { String(cString: $0) } ?? "not found"
      throw .zlibMissing(path: path, reason: reason)
    }
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
    var contents = Data()
    var block = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = block.withUnsafeMutableBytes { buffer in
        // The array is not empty, so its buffer has an address.
        buffer.baseAddress.map { read(file, $0, CUnsignedInt(buffer.count)) } ?? -1
      }
      if count > 0 { contents.append(contentsOf: block[..<Int(count)]) }
      if count < block.count {
        // A file that is cut off gives a short count without failing; only the error's number tells.
        var number: CInt = 0
        let text = errorText(file, &number).map { String(cString: $0) } ?? "error \(number)"
        if count < 0 || number != 0 { throw .damagedGzip(path: path, reason: text) }
        if count == 0 { return contents }
      }
    }
  }
}
