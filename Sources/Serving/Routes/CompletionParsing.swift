import Jinja
import OrderedJSON
import Tokenization

/// Turns bodies of requests into jobs for an engine.
package struct CompletionParsing: Sendable {
  let engine: Engine
  let standard: CompletionStandard

  package init(engine: Engine, standard: CompletionStandard) { (self.engine, self.standard) = (engine, standard) }

  /// A request to `/v1/chat/completions`.
  ///
  /// - Throws: `APIError`.
  package func chat(_ body: some Sequence<UInt8>) throws -> CompletionJob {
    let chat = try ChatRequest(RequestFields(body: body), standard: standard)
    let model = try model(chat.settings.model)
    let prompt: ChatFormat.Prompt
    do {
      prompt = try model.format.prompt(
        of: chat.messages, tools: chat.tools, variables: chat.variables, think: chat.thinks)
    } catch {
      throw APIError(status: 400, "messages: \(error)", field: "messages", code: "invalid_value")
    }
    var request = try chat.settings.request(prompt, of: model, usualTokens: standard.options.maxNewTokens)
    request.findsToolCalls = chat.tools != nil
    return job(request, chat.settings, isChat: true)
  }

  /// A request to `/v1/completions`.
  ///
  /// - Throws: `APIError`.
  package func plain(_ body: some Sequence<UInt8>) throws -> CompletionJob {
    let fields = try RequestFields(body: body)
    let settings = try CompletionSettings(fields, standard: standard)
    let model = try model(settings.model)
    let given = try fields.required("prompt")
    let list = given.array
    guard let text = given.string ?? (list?.count == 1 ? list?[0].string : nil), !text.isEmpty else {
      throw APIError.invalid("prompt", "expected one text that is not empty")
    }
    if try fields.switched("echo") ?? false { throw APIError.invalid("echo", "is not supported") }
    let prompt: ChatFormat.Prompt
    do {
      prompt = try model.format.prompt(continuing: text)
    } catch {
      throw APIError(status: 400, "prompt: \(error)", field: "prompt", code: "invalid_value")
    }
    var request = try settings.request(prompt, of: model, usualTokens: standard.options.maxNewTokens)
    request.isPlain = true
    return job(request, settings, isChat: false)
  }

  private func model(_ name: String) throws(APIError) -> ServedModel {
    do {
      return try engine.model(name)
    } catch {
      throw APIError(error, served: engine.models.map(\.name))
    }
  }

  private func job(_ request: GenerationRequest, _ settings: CompletionSettings, isChat: Bool) -> CompletionJob {
    CompletionJob(
      request: request, head: ReplyHead(model: settings.model, isChat: isChat), streams: settings.streams,
      includesUsage: settings.includesUsage)
  }
}
