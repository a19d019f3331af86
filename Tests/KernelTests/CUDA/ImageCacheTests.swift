import Foundation
import KernelEmulation
import Testing

@Suite("Compiled kernels on disk")
struct ImageCacheTests {
  private static func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("kernels-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  private static func read(_ folder: URL, _ key: String) -> Data? {
    var size = 0
    guard let bytes = image_cache_read(folder.path, key, &size) else { return nil }
    return Data(bytesNoCopy: bytes, count: size, deallocator: .free)
  }

  private static func write(_ folder: URL, _ key: String, _ image: Data) -> Bool {
    image.withUnsafeBytes { image_cache_write(folder.path, key, $0.baseAddress, $0.count) }
  }

  private static func file(_ folder: URL, _ key: String) throws -> URL {
    let path = try #require(image_cache_path(folder.path, key))
    defer { free(path) }
    return URL(fileURLWithPath: String(cString: path))
  }

  private let image = Data((0..<5000).map { UInt8($0 * 7 % 256) })

  @Test("A stored image is found under its own key only, and the folder contains nothing else")
  func roundTrip() throws {
    try Self.withFolder { folder in
      #expect(Self.read(folder, "sm_90") == nil)
      #expect(Self.write(folder, "sm_90", image))
      #expect(Self.read(folder, "sm_90") == image)
      #expect(Self.read(folder, "sm_80") == nil)
      let other = Data(image.reversed()) + Data([1])
      #expect(Self.write(folder, "sm_90", other))
      #expect(Self.read(folder, "sm_90") == other)
      let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(files.count == 1)
    }
  }

  @Test("A truncated file, a changed one and one of another key count as absent")
  func damage() throws {
    try Self.withFolder { folder in
      #expect(Self.write(folder, "key", image))
      let file = try Self.file(folder, "key")
      let whole = try Data(contentsOf: file)
      for count in [0, 1, 30, whole.count - 1] {
        try whole.prefix(count).write(to: file)
        #expect(Self.read(folder, "key") == nil, "\(count) bytes")
      }
      for place in [0, 22, 30, whole.count - 1] {
        var changed = whole
        changed[place] ^= 1
        try changed.write(to: file)
        #expect(Self.read(folder, "key") == nil, "byte \(place)")
      }
      try whole.write(to: Self.file(folder, "yek"))
      #expect(Self.read(folder, "yek") == nil)
      try whole.write(to: file)
      #expect(Self.read(folder, "key") == image)
    }
  }

  @Test("A folder that cannot be created stores nothing and is not an error")
  func unwritable() throws {
    try Self.withFolder { folder in
      try Data().write(to: folder)
      #expect(!Self.write(folder, "key", image))
      #expect(Self.read(folder, "key") == nil)
    }
  }
}
