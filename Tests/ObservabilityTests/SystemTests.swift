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

  @Test("A control group leaves its limit less what is used, but for cached files; without a limit it says nothing")
  func controlGroup() {
    let free = { ProcessMemory.availableBytes(limit: $0, used: $1, statistics: $2) }
    #expect(free("1000\n", "700\n", "anon 600\ninactive_file 50\nactive_file 20\n") == 350)
    #expect(free("1000", "1200", nil) == 0)
    #expect(free("max\n", "700\n", "inactive_file 50\n") == nil)
    #expect(free(nil, nil, nil) == nil)
  }

  @Test("Free memory is known on Linux", .enabled(if: FileManager.default.fileExists(atPath: "/proc/meminfo")))
  func freeMemory() throws {
    let memory = try #require(ProcessMemory.usedAndFree())
    #expect(memory.used > 0 && memory.free > 0)
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
    #expect(info.json.object?.keys == ["host", "os", "kernel", "processor", "cores", "memory_bytes"])
  }
}
