/// Where a device is on the PCI bus. CUDA writes `0000:3b:00.0`, NVML `00000000:3B:00.0`, and older programs leave the
/// domain out; the numbers are the same.
package struct PCIAddress: Hashable, Sendable {
  private let numbers: [UInt32]

  /// Reads `[domain:]bus:device[.function]`, all hexadecimal; nil for anything else.
  package init?(_ text: String) {
    var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2 { parts.insert("0", at: 0) }
    guard parts.count == 3, let device = parts[2].split(separator: ".").first else { return nil }
    let numbers = [parts[0], parts[1], String(device)].compactMap { UInt32($0, radix: 16) }
    guard numbers.count == 3 else { return nil }
    self.numbers = numbers
  }
}
