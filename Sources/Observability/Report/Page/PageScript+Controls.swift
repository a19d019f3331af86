extension PageScript {
  /// What the reader can choose.
  static let controls = #"""
    function select(label, value, options, change) {
      const list = make("select", { change: event => change(event.target.value) },
        options.map(([id, text]) => make("option", { value: id, selected: id === value }, text)));
      return make("label", {}, make("span", {}, label), list);
    }

    // Language and colours, beside the title.
    function preferences() {
      return make("div", { class: "preferences" },
        make("div", { role: "group", "aria-label": word("language"), class: "switch" },
          [["en", "English"], ["zh", "中文"]].map(([id, name]) => make("button", {
            type: "button", lang: id, "data-language": id, "aria-pressed": String(state.language === id),
            click: () => { state.language = id; kept.set("language", id); render(); } }, name))),
        select(word("theme"), state.theme, ["auto", "light", "dark"].map(id => [id, word(id)]), theme => {
          state.theme = theme;
          kept.set("theme", theme);
          render();
        }));
    }

    // What holds for all plots; stays in sight while they scroll by.
    function toolbar() {
      const button = (name, action) => make("button", { type: "button", "data-action": name, click: action }, word(name));
      const smoothing = make("input", { type: "range", min: "0", max: "100", value: String(Math.round(Math.sqrt(state.smoothing / 0.3) * 100)),
        input: event => {
          // The square gives fine steps where they matter.
          state.smoothing = 0.3 * (event.target.value / 100) ** 2;
          for (const plot of plots) plot.curves = curvesOf(plot.chart);
          redrawAll();
        } });
      return make("div", { class: "toolbar", role: "toolbar", "aria-label": word("curves") },
        select(word("axis"), state.axis, axes.filter(hasAxis).map(axis => [axis, axis === "pairs" && model.runs.every(run => run.supervised) ? word("texts") : word(axis)]), axis => {
          state.axis = axis;
          state.zoom = state.cross = null;
          render();
        }),
        make("label", {}, make("span", {}, word("smoothing")), smoothing),
        make("label", { class: "check" }, make("input", { type: "checkbox", "data-action": "log", checked: state.log,
          change: event => { state.log = event.target.checked; redrawAll(); } }), make("span", {}, word("log"))),
        make("span", { class: "group" }, button("zoomIn", () => zoomBy(0.5)), button("zoomOut", () => zoomBy(2)), button("reset", () => setZoom(null))),
        make("button", { type: "button", "data-action": "tables", "aria-pressed": String(state.tables),
          click: () => { state.tables = !state.tables; render(); } }, word(state.tables ? "plots" : "tables")),
        make("output", { id: "readout" }));
    }

    function showControls() {
      for (const name of ["reset", "zoomOut"]) {
        const button = document.querySelector(`[data-action="${name}"]`);
        if (button) button.disabled = !state.zoom;
      }
    }
    """#
}
