import Foundation
import Observability
import Testing

@Suite("This process and this machine")
struct SystemTests {
  @Test("Memory is read off the lines of a status file")
  func status() {
    let memory = ProcessMemory(status: "Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t    1024 kB\n")
    #expect(memory?.residentBytes == 1 << 20)
    #expect(memory?.peakBytes == 2 << 20)
    #expect(ProcessMemory(status: "Name:\tx\n") == nil)
  }

  @Test(
    "Memory follows what the process allocates",
    .enabled(if: FileManager.default.fileExists(atPath: "/proc/self/status")))
  func growth() throws {
    let before = try #require(ProcessMemory.current())
    let block = [UInt8](repeating: 1, count: 64 << 20)
    let after = try #require(ProcessMemory.current())
    #expect(after.peakBytes >= after.residentBytes)
    #expect(after.peakBytes - before.residentBytes > 48 << 20)
    withExtendedLifetime(block) {}
  }

  @Test("The allowed cores are the bits of the affinity mask")
  func affinity() {
    #expect(SystemInfo.allowedCores(status: "Cpus_allowed:\t3\nCpus_allowed_list:\t0-1\n") == 2)
    #expect(SystemInfo.allowedCores(status: "Cpus_allowed:\tff,00000000,0000000f\n") == 12)
    #expect(SystemInfo.allowedCores(status: "") == nil)
  }

  @Test("The machine tells about itself")
  func machine() throws {
    let info = SystemInfo()
    #expect(!info.hostName.isEmpty && !info.kernel.isEmpty && !info.processor.isEmpty && !info.operatingSystem.isEmpty)
    #expect(info.availableCores >= 1)
    #expect(info.json.object?.keys.elements == ["host", "os", "kernel", "processor", "cores", "memory_bytes"])
  }
}
