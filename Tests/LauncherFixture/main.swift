// `launch` without LibTorch, for tests: the same options, the same agent, with a folder in place of the store.
import Foundation
import Launcher

let environment = ProcessInfo.processInfo.environment
do {
  guard
    let options = try LaunchOptions.parse(
      Array(CommandLine.arguments.dropFirst()), environment: environment,
      devices: { Int(environment["LAUNCHER_FIXTURE_DEVICES"] ?? "") ?? 0 })
  else {
    print(LaunchOptions.help())
    exit(0)
  }
  let program = try WorkerProgram(options, commands: ["train", "eval"], environment: environment)
  let stores = FolderStores(folder: environment["LAUNCHER_FIXTURE_STORES"] ?? NSTemporaryDirectory())
  exit(Agent(options, program: program, environment: environment, stores: stores).run())
} catch {
  FileHandle.standardError.write(Data("error: \(error)\n".utf8))
  exit(error.code.rawValue)
}
