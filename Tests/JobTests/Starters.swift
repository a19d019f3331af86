import Foundation
import ProgramSupport
import Testing

/// Other programs that start jobs; nil where they are not installed.
enum Starters {
  /// PyTorch's launcher: named by MINIMIND_TORCHRUN, beside the Python that MINIMIND_REFERENCE_PYTHON names, in the checkout
  /// beside LibTorch, or in PATH.
  static let torchrun: String? = {
    let variables = ProcessInfo.processInfo.environment
    let named = variables["MINIMIND_TORCHRUN"]
    let beside = variables["MINIMIND_REFERENCE_PYTHON"].map {
      URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("torchrun").path
    }
    let fetched = Checkout.root.appendingPathComponent(".libtorch/venv/bin/torchrun").path
    // LibTorch may have come without what Python needs besides.
    return [named, beside, fetched, inPath("torchrun")].compactMap(\.self).first { path in
      isProgram(path) && (try? SystemCommand.run(path, ["--help"])) != nil
    }
  }()

  /// Open MPI's.
  static let mpirun = inPath("mpirun")

  static let noTorchrun: Comment = """
    torchrun is not installed, or lacks a module: name one that runs with MINIMIND_TORCHRUN, or put it into PATH (pip install torch)
    """
  static let noMPI: Comment = "mpirun is not installed (Debian: openmpi-bin)"

  /// What Open MPI wants to hear before it starts more processes than there are cores, for root.
  static let mpiOptions = ["--oversubscribe"] + (getuid() == 0 ? ["--allow-run-as-root"] : [])

  static func inPath(_ name: String) -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
    return (folders + ["/usr/sbin", "/sbin"]).map { "\($0)/\(name)" }.first(where: isProgram)
  }

  private static func isProgram(_ path: String) -> Bool { FileManager.default.isExecutableFile(atPath: path) }
}

/// A port that no process listens on.
func freePort() throws -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  return try #require(boundPort(descriptor))
}

/// Binds a socket to a port of the system's choice at all addresses.
func boundPort(_ descriptor: Int32) -> Int? {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  return withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
      guard bind(descriptor, pointer, size) == 0, getsockname(descriptor, pointer, &size) == 0 else { return nil }
      return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        Int(in_port_t(bigEndian: $0.pointee.sin_port))
      }
    }
  }
}
