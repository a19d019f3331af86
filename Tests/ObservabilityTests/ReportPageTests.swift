import Foundation
import Observability
import OrderedJSON
import Testing

/// Clicks through the page in a real browser.
@Suite("The report in a browser", .enabled(if: Browser.program != nil, Browser.absence), .serialized)
struct ReportPageTests {
  private func run(_ name: String, steps: Int = 60, learningRate: String = "5e-7", isRunning: Bool = false) -> ReportRun
  {
    let records = (0...steps).map { step -> MetricsRecord in
      let progress = Double(step) / Double(steps)
      if step.isMultiple(of: 30) {
        return MetricsRecord(
          step: step,
          [
            "eval_loss": .number(0.69 - 0.2 * progress), "eval_rewards/accuracies": step == 0 ? 0 : 0.75,
            "eval_rewards/margins": .number(progress), "eval_pairs": 100, "epoch": .number(2 * progress),
            "eval_rewards/accuracies_low": step == 0 ? .null : 0.65,
            "eval_rewards/accuracies_high": step == 0 ? .null : 0.83,
            "eval_slices": [
              "answer length": [
                ["label": "at most 85 tokens", "pairs": 50, "accuracy": 0.8, "low": 0.7, "high": 0.9, "margin": 0.1]
              ]
            ],
          ])
      }
      return MetricsRecord(
        step: step,
        [
          "loss": .number(0.69 - 0.3 * progress), "rewards/margins": .number(progress), "grad_norm": 2,
          "epoch": .number(2 * progress),
          "rewards/accuracies": .number(0.5 + 0.4 * progress), "pairs": .integer(step * 8), "time/step": 0.5,
          "time/elapsed": .number(Double(step) * 0.6),
          "tokens_per_second": 12_345,
          "time/ranks": ["forward": [1, 1.5], "backward": [2, 2.5], "communication": [1, 0]],
        ])
    }
    let totals = RunTotals(steps: steps, epochs: 2, pairs: 480, tokens: 4800, seconds: 40, pairsRead: 500)
    var run = ReportRun(
      name: name, log: MetricsLog(records: records, totals: isRunning ? nil : totals),
      configuration: "learning-rate: \(learningRate)\nbeta: 0.1\n", environment: ["libtorch": "2.13.0"])
    run.isRunning = isRunning
    run.samples = [
      [
        "step": 0, "model": "reference", "prompt": 0, "messages": [["role": "user", "content": "Hello?"]],
        "response": "No.",
      ],
      ["step": 60, "model": "policy", "prompt": 0, "messages": [], "response": "<b>Hello!</b>"],
    ]
    return run
  }

  @Test("Everything is drawn, with a title on the axis and a tick at the last step")
  func drawing() throws {
    let found = try Browser.use(
      HTMLReport([run("a")]).html,
      script: """
        return {
          plots: [...document.querySelectorAll("figure h3")].map(title => title.textContent),
          paths: [...document.querySelectorAll("#chart-loss path")].length,
          rings: document.querySelectorAll("#chart-loss circle.open").length,
          ticks: [...document.querySelectorAll("#chart-loss .tick")].map(tick => tick.textContent),
          verdict: document.querySelector(".run h2").textContent,
          bars: document.querySelectorAll("#chart-accuracy line.bar").length,
          ranks: document.querySelectorAll(".rank").length,
          answers: [...document.querySelectorAll(".answer")].map(answer => answer.textContent),
          slices: document.querySelectorAll("#slices tbody tr").length,
        };
        """)
    #expect(found["error"] == nil)
    #expect(found["plots"]?.array?.prefix(3) == ["Loss", "Accuracy", "Reward margin"])
    #expect(found["paths"] == 3, "the curve, the records behind it, and a line through three evaluations")
    #expect(found["rings"] == 3)
    let ticks = found["ticks"]?.array ?? []
    #expect(ticks.contains("60") && ticks.contains("step"))
    #expect(found["verdict"] == "It learned")
    #expect(found["bars"] == 2 && found["ranks"] == 2 && found["slices"] == 1)
    #expect(found["answers"] == ["No.", "<b>Hello!</b>"])
  }

  @Test("An evaluation of two points is two points and no trend")
  func twoPoints() throws {
    var run = run("a")
    run.log.records.removeAll { $0.step == 30 }
    let found = try Browser.use(
      HTMLReport([run]).html,
      script: "return document.querySelectorAll('#chart-loss path.thin').length")
    #expect(found == 0)
  }

  @Test("A switch changes the language of everything, also of what the program found")
  func language() throws {
    let found = try Browser.use(
      HTMLReport([run("a")]).html,
      script: """
        document.querySelector('[data-language="zh"]').click();
        const chinese = { lang: document.documentElement.lang, title: document.querySelector("h1").textContent,
          verdict: document.querySelector(".run h2").textContent, text: document.getElementById("page").textContent };
        document.querySelector('[data-language="en"]').click();
        return { ...chinese, back: document.documentElement.lang };
        """)
    #expect(found["lang"] == "zh-CN" && found["back"] == "en")
    #expect(found["title"] == "DPO 训练 a" && found["verdict"] == "学到了偏好")
    let text = found["text"]?.string ?? ""
    for word in ["损失", "奖励差", "时间去向", "训练前", "回答长度: 至多 85 个 token"] { #expect(text.contains(word), "\(word)") }
    for word in ["Accuracy", "Smoothing", "held-out"] { #expect(!text.contains(word), "\(word)") }
  }

  @Test("The crosshair is in all plots at once, by pointer and by key, and zooming is too")
  func pointing() throws {
    let found = try Browser.use(
      HTMLReport([run("a")]).html,
      script: """
        const canvas = document.querySelector("#chart-loss .canvas"), box = canvas.getBoundingClientRect();
        const at = x => ({ clientX: box.left + x, clientY: box.top + 50, bubbles: true, pointerId: 1, pointerType: "touch" });
        canvas.dispatchEvent(new PointerEvent("pointerdown", at(box.width / 2)));
        canvas.dispatchEvent(new PointerEvent("pointerup", at(box.width / 2)));
        const seen = [...document.querySelectorAll(".cross")].filter(line => line.getAttribute("visibility") === "visible").length;
        const touched = document.getElementById("readout").textContent;
        const key = name => canvas.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
        key("Home"); key("ArrowRight"); key("ArrowRight");
        const keyed = document.getElementById("readout").textContent;
        const spoken = canvas.getAttribute("aria-valuetext");
        key("+");
        const zoomed = report.state.zoom;
        key("0");
        return { plots: document.querySelectorAll(".canvas").length, seen, touched, keyed, spoken, zoomed, whole: report.state.zoom };
        """)
    #expect(found["error"] == nil)
    #expect(found["plots"] == found["seen"])
    #expect(found["touched"]?.string?.hasPrefix("step ") == true)
    #expect(found["keyed"] == "step 3")
    #expect(found["spoken"]?.string?.hasPrefix("step 3, training 0.6750") == true)
    #expect((found["zoomed"]?[1]?.double ?? 60) < 60)
    #expect(found["whole"] == .null)
  }

  @Test("The axis goes over epochs, pairs and time as well, and a logarithmic scale has its own ticks")
  func axes() throws {
    let found = try Browser.use(
      HTMLReport([run("a")]).html,
      script: """
        const titles = [];
        for (const axis of ["epoch", "pairs", "seconds"]) {
          const list = document.querySelector(".toolbar select");
          list.value = axis;
          list.dispatchEvent(new Event("change"));
          titles.push(document.querySelector("#chart-loss .tick.title").textContent, [...document.querySelectorAll("#chart-loss .tick")].slice(-2)[0].textContent);
        }
        const before = document.querySelector("#chart-loss path").getAttribute("d");
        document.querySelector('[data-action="log"]').click();
        return { titles, changed: before !== document.querySelector("#chart-loss path").getAttribute("d") };
        """)
    #expect(found["titles"] == ["epoch", "2", "pairs", "480", "time (s)", "36"])
    #expect(found["changed"] == true)
  }

  @Test("Plots become tables, and the tables of options mark what differs between runs")
  func tables() throws {
    let found = try Browser.use(
      HTMLReport([run("a"), run("b", learningRate: "1e-6")]).html,
      script: """
        document.querySelector('[data-action="tables"]').click();
        const rows = document.querySelectorAll("#chart-loss tbody tr").length;
        const differing = [...document.querySelectorAll("#settings tr.differs th")].map(cell => cell.textContent);
        const columns = [...document.querySelectorAll("#comparison thead th")].map(cell => cell.textContent);
        document.querySelector('[data-action="tables"]').click();
        document.querySelector("#comparison input").click();
        return { rows, differing, columns, shown: document.querySelectorAll(".run").length,
          curves: document.querySelectorAll("#chart-gradient-norm path").length };
        """)
    #expect((found["rows"]?.int ?? 0) > 20)
    #expect(found["differing"] == ["learning-rate"])
    #expect(found["columns"]?.array?[2] == "learning-rate")
    #expect(found["shown"] == 1 && found["curves"] == 2)
  }

  @Test("A page that follows a run takes new points and a new state, and keeps what the reader chose")
  func updates() throws {
    let found = try Browser.use(
      HTMLReport([run("a", isRunning: true)]).html,
      script: """
        const before = document.querySelector(".state").textContent;
        report.state.axis = "epoch";
        const series = { loss: { x: [1, 2, 3, 4, 90], y: [0.6, 0.5, 0.4, 0.3, 0.2] } };
        report.update({ runs: [{ name: "a", state: { name: "finished", word: "done", sentence: null }, series }, ] });
        return { before, after: document.querySelector(".state").textContent, axis: document.querySelector(".toolbar select").value,
          last: document.querySelector("#chart-loss .legend b").textContent, norm: !!document.getElementById("chart-gradient-norm") };
        """)
    #expect(found == ["before": "running", "after": "done", "axis": "epoch", "last": "0.2000", "norm": true])
  }

  @Test("No page is wider than its screen", arguments: [390, 768, 1280])
  func widths(width: Int) throws {
    let found = try Browser.use(
      HTMLReport([run("a"), run("a-rather-long-name-of-a-run-that-somebody-chose", learningRate: "1e-6")]).html,
      width: width,
      script: "return [document.documentElement.scrollWidth, window.innerWidth]")
    let (page, window) = (found[0]?.int ?? .max, found[1]?.int ?? 0)
    #expect(page <= window)
  }
}
