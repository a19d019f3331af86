extension PageScript {
  /// The page as a whole, and its updates.
  static let page = #"""
    function redrawAll() { for (const plot of plots) redraw(plot); }

    function render() {
      const top = window.scrollY, active = focused();
      plots.length = 0;
      document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
      if (state.theme === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = state.theme;
      document.title = say(model.title);
      const runs = shownRuns();
      const charts = model.charts.map(chart => state.tables ? chartTable(chart) : figure(chart)).filter(chart => chart);
      const page = document.getElementById("page");
      page.replaceChildren(...[
        make("div", { class: "head" }, make("h1", {}, say(model.title)), preferences()),
        trials(),
        comparison(),
        model.trials ? null : make("div", { class: "runs" }, runs.map(summary)),
        charts.length ? make("section", { id: "curves" }, make("h2", {}, word("curves")), toolbar(),
          state.tables ? null : make("p", { class: "note" }, word("help"), " ", model.charts.some(chart => chart.noisy) ? word("smoothed") : ""),
          make("div", { class: "plots" }, charts)) : null,
        section("time", word("timeByPart"), runs.map(timeByPart)),
        section("slices", word("slices"), runs.map(slices)),
        section("samples", word("samples"), runs.map(samples)),
        section("data", word("data"), runs.map(data)),
        section("events", word("events"), runs.map(events)),
        comparedValues("settings", word("settings"), "settings"),
        comparedValues("environment", word("environment"), "environment"),
        make("footer", {}, `${word("written")} ${model.written.replace("T", " ").replace("Z", " UTC")}`),
      ].filter(part => part));
      redrawAll();
      showControls();
      refocus(active);
      window.scrollTo(0, top);
    }

    // A page that is drawn anew keeps the reader's place for the keyboard.
    function focused() {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      if (element.dataset.action) return `[data-action="${element.dataset.action}"]`;
      if (element.dataset.language) return `[data-language="${element.dataset.language}"]`;
      const figure = element.closest("figure");
      return figure ? `#${figure.id} .canvas` : element.tagName === "SELECT" ? ".toolbar select" : null;
    }

    function refocus(selector) {
      const element = selector && document.querySelector(selector);
      if (element) element.focus({ preventScroll: true });
    }

    // For a page that follows a run: `changes` are members of the model; runs are found by their names, and of one that is
    // known only the members given are replaced.
    function update(changes) {
      for (const [name, value] of Object.entries(changes)) {
        if (name !== "runs") { model[name] = value; continue; }
        for (const run of value) {
          const known = model.runs.find(other => other.name === run.name);
          if (!known) { model.runs.push(run); continue; }
          const series = { ...known.series, ...run.series };
          Object.assign(known, run, { series });
        }
      }
      render();
    }

    const language = kept.get("language"), theme = kept.get("theme");
    if (language === "en" || language === "zh") state.language = language;
    if (theme === "light" || theme === "dark") state.theme = theme;
    render();
    new ResizeObserver(entries => {
      const width = Math.round(entries[0].contentRect.width);
      if (width !== state.width) { state.width = width; redrawAll(); }
    }).observe(document.getElementById("page"));
    window.addEventListener("beforeprint", () => {
      for (const details of document.querySelectorAll("details")) details.open = true;
      redrawAll();
    });
    window.report = { model, state, update, render };
    """#
}
