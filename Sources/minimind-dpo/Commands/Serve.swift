import ArgumentParser
import Foundation
import MiniMind
import Observability
import Serving
import Web

/// `serve`: models behind OpenAI's API.
struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serves models to chat pages and programs, in the way of OpenAI's API.",
    discussion: """
      /v1/chat/completions, /v1/completions and /v1/models, streamed or whole, with thoughts and tool calls; requests that come
      together are answered together. --model may be given several times, as NAME=PATH: so any chat page compares a model
      before and after. It listens on this machine alone unless --host says otherwise.
      """)

  @OptionGroup(title: "Models") var models: ServedModelArguments
  @OptionGroup(title: "Server") var listening: ListeningArguments
  @OptionGroup var config: ConfigArguments
  @OptionGroup(title: "Generation, where a request does not say") var generation: GenerationArguments
  @OptionGroup(title: "Load") var load: ServerLoadArguments
  @OptionGroup(title: "Machine") var device: DeviceArguments
  @OptionGroup(title: "MiniMind's weight files") var shape: ShapeArguments

  /// Where no port is given: that of other such servers.
  static let standardPort = 8000

  func validate() throws { _ = try models.named() }

  func run() throws {
    var standard = CompletionStandard(thinks: generation.think)
    (standard.options, standard.seed) = (generation.conversational, generation.seed)
    let loading = ServedModelLoading(
      models: try models.sources(shape), maxLength: load.maxLength, device: device)
    let engine = try Engine(
      limits: load.limits, report: { Console.standardError.print("warning: \($0)") }, loading: loading.load)
    let answers = CompletionRoutes(engine, standard: standard)
    let web = WebServer(
      listening.address(standardPort: Self.standardPort), token: listening.accessToken, allowsLocalPages: true
    ) { answers.add(to: $0) }
    try web.serve { url in
      Output.line(ServerWords.ready(url, models: engine.models.map(\.name)).text)
    }
    engine.stop()
  }
}
