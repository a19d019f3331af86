extension PageScript {
  /// The parts of the page beside the plots.
  static let sections = #"""
    function section(id, title, ...content) {
      const children = content.flat().filter(child => child != null);
      return children.length ? make("section", { id }, make("h2", {}, title), ...children) : null;
    }

    // What became of a run: its state, the verdict in words, what a reader must know, and the numbers.
    function summary({ run, index }) {
      const several = model.runs.length > 1;
      return make("article", { class: `run tone-${run.verdict.tone}` },
        make("header", {},
          several ? make("span", { class: "name" }, make("i", { class: "swatch " + colour(index) }), run.name) : null,
          make("span", { class: "state state-" + run.state.name }, say(run.state.word)),
          make(several ? "h3" : "h2", {}, say(run.verdict.words))),
        say(run.verdict.sentences) ? make("p", {}, say(run.verdict.sentences)) : null,
        liveState(run),
        isStale(run) ? make("p", { class: "remark" }, word("stale")) : null,
        // That it goes on is seen where it is followed.
        run.remarks.slice(model.live && run.state.name === "running" && run.state.sentence ? 1 : 0).map(remark => make("p", { class: "remark" }, say(remark))),
        make("dl", { class: "figures" }, run.figures.map(figure =>
          make("div", {}, make("dt", {}, say(figure.label)), make("dd", {}, say(figure.value)),
            figure.note ? make("dd", { class: "note" }, say(figure.note)) : null))));
    }

    // A page that a run wrote while it went on, and that nobody renewed: the run may have been killed meanwhile.
    const isStale = run => !model.live && run.state.name === "running" && Date.now() - Date.parse(model.written) > 15 * 60000;

    // Several runs side by side: the options in which they differ, and what came of them.
    function comparison() {
      if (model.runs.length < 2) return null;
      const metrics = [["accuracy", "accuracy"], ["margin", "margin"], ["loss", "loss"], ["token-accuracy", "token-accuracy"], ["time", "time"], ["speed", "speed"]];
      const seen = metrics.map(([id]) => ({ id, label: model.runs.flatMap(run => run.figures).find(figure => figure.id === id) }))
        .filter(column => column.label);
      // What was changed stands next to the name, unless that is so much that what came of it would be out of sight.
      const arranged = (options, outcome) => model.differences.length > 4 ? [...outcome, ...options] : [...options, ...outcome];
      const head = [word("shown"), word("run"),
        ...arranged(model.differences, [...seen.map(column => say(column.label.label)), word("state")])];
      const rows = model.runs.map((run, index) => [
        make("input", { type: "checkbox", "aria-label": `${word("shown")}: ${run.name}`, checked: !state.hidden.has(run.name),
          change: event => {
            if (event.target.checked) state.hidden.delete(run.name); else state.hidden.add(run.name);
            render();
          } }),
        make("span", { class: "name" }, make("i", { class: "swatch " + colour(index) }), run.name),
        ...arranged(model.differences.map(name => run.settings[name] == null ? "–" : run.settings[name]),
          [...seen.map(({ id }) => say((run.figures.find(figure => figure.id === id) || { value: "–" }).value)), say(run.state.word)]),
      ]);
      return section("comparison", word("runs"), table(head, rows, { rowHead: 1 }),
        model.differences.length ? null : make("p", { class: "note" }, word("same")));
    }

    function trials() {
      const trials = model.trials;
      if (!trials) return null;
      return section("trials", word("trials"), make("p", { class: "remark" }, say(trials.choice)), make("p", { class: "note" }, say(trials.note)),
        table(trials.head.map(say), trials.rows.map(row => row.map(say)), { marked: index => index === trials.chosen }),
        make("div", { class: "plots" }, (model.ownCharts || []).map(figure)));
    }

    // Seconds by part: a bar for each rank, and the same in numbers.
    function timeByPart({ run, index }) {
      if (!run.parts) return null;
      const longest = Math.max(...run.parts.ranks.map(values => values.reduce((sum, value) => sum + value, 0)), 1e-9);
      const bars = run.parts.ranks.map((values, rank) => make("div", { class: "rank" },
        make("span", {}, run.parts.ranks.length > 1 ? `${word("rank")} ${rank}` : ""),
        make("div", { class: "parts", "aria-hidden": "true" }, values.map((value, part) => make("i", {
          class: "part-" + run.parts.names[part].id, style: `width:${(value / longest * 100).toFixed(2)}%`,
          title: `${say(run.parts.names[part].text)}: ${duration(value)}` })))));
      const head = [word("rank"), ...run.parts.names.map(name => make("span", {}, make("i", { class: "swatch part-" + name.id }), say(name.text)))];
      const rows = run.parts.ranks.map((values, rank) => {
        const sum = values.reduce((sum, value) => sum + value, 0) || 1;
        return [String(rank), ...values.map(value => `${duration(value)} (${(value / sum * 100).toFixed(1)} %)`)];
      });
      return make("div", {}, nameOf({ run, index }), make("div", { class: "ranks" }, bars), table(head, rows));
    }

    const nameOf = ({ run, index }) => model.runs.length > 1
      ? make("h3", {}, make("i", { class: "swatch " + colour(index) }), run.name) : null;

    function slices({ run, index }) {
      if (!run.slices.length) return null;
      const percent = value => (value * 100).toFixed(1) + " %";
      const rows = run.slices.map(slice => [`${say(slice.trait)}: ${say(slice.label)}`,
        make("span", { class: "gauge" }, make("b", {}, percent(slice.accuracy)),
          make("i", { class: "scale", "aria-hidden": "true" },
            make("i", { class: "extent", style: `left:${slice.low * 100}%;width:${(slice.high - slice.low) * 100}%` }),
            make("i", { class: "middle", style: `left:${slice.accuracy * 100}%` }))),
        `${(slice.low * 100).toFixed(1)}–${percent(slice.high)}`, slice.margin == null ? "–" : slice.margin.toFixed(3), grouped(slice.pairs)]);
      return make("div", {}, nameOf({ run, index }),
        table(["", word("accuracy"), word("interval"), word("margin"), word("pairs")], rows));
    }

    // Prompts with the answers before and after training, side by side where there is room.
    function samples({ run, index }) {
      if (!run.samples.length) return null;
      return make("div", {}, nameOf({ run, index }), run.samples.map(sample => make("div", { class: "sample" },
        make("div", { class: "prompt" }, (sample.messages || []).map(message => make("p", {}, make("b", {}, message.role + ": "), String(message.content || "")))),
        make("div", { class: "answers" },
          make("div", {}, make("h4", {}, word("before")), make("p", { class: "answer" }, sample.before || "–")),
          make("div", {}, make("h4", {}, sample.step == null ? word("after") : `${word("after")} ${grouped(sample.step)}`),
            make("p", { class: "answer" }, sample.after == null ? "–" : sample.after))))));
    }

    function data({ run, index }) {
      if (!run.data) return null;
      return make("div", {}, nameOf({ run, index }),
        table([], run.data.rows.map(row => [say(row.label), row.value]), { number: true }),
        run.data.findings.length ? make("h3", {}, word("findings")) : null,
        run.data.findings.length ? make("ul", { class: "findings" }, run.data.findings.map(finding => make("li", { class: finding.severity },
          make("b", {}, say(finding.title)), ` ${grouped(finding.count)} / ${grouped(finding.total)} `, make("code", {}, finding.check),
          make("p", {}, say(finding.advice)),
          (finding.examples || []).length ? make("p", { class: "note" }, finding.examples.map(example => `${word("lines")} ${example.line}: ${example.note}`).join("; ")) : null))) : null);
    }

    function events({ run, index }) {
      if (!run.events.length) return null;
      return make("div", {}, nameOf({ run, index }), table([word("step"), "", ""],
        run.events.map(event => [event.step == null ? "–" : grouped(event.step), say(event.event), make("span", { class: "wide" }, say(event.text))])));
    }
    """#
}
