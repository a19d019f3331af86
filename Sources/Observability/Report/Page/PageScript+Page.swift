extension PageScript {
  /// The page as a whole, and its updates.
  static let page = #"""
    function redrawAll() { for (const plot of plots) redraw(plot); }

    // The parts of the page, in their order, around the curves.
    function sections(curves) {
      const runs = shownRuns();
      return [
        make("div", { class: "head" }, make("h1", {}, say(model.title)), connectionState(), preferences()),
        trials(),
        comparison(),
        model.trials ? null : make("div", { class: "runs" }, runs.map(summary)),
        section("ranks", word("processes"), runs.map(processes)),
        curves,
        section("time", word("timeByPart"), runs.map(timeByPart)),
        section("slices", word("slices"), runs.map(slices)),
        section("samples", word("samples"), runs.map(samples)),
        section("data", word("data"), runs.map(data)),
        section("events", word("events"), runs.map(events)),
        comparedValues("settings", word("settings"), "settings"),
        comparedValues("environment", word("environment"), "environment"),
        make("footer", {}, `${word("written")} ${model.written.replace("T", " ").replace("Z", " UTC")}`),
      ].filter(part => part);
    }

    function curveSection() {
      const charts = model.charts.map(chart => state.tables ? chartTable(chart) : figure(chart)).filter(chart => chart);
      return charts.length ? make("section", { id: "curves" }, make("h2", {}, word("curves")), toolbar(),
        state.tables ? null : make("p", { class: "note" }, word("help"), " ", model.charts.some(chart => chart.noisy) ? word("smoothed") : ""),
        make("div", { class: "plots" }, charts)) : null;
    }

    function render() {
      const top = window.scrollY, active = focused();
      plots.length = 0;
      document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
      if (state.theme === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = state.theme;
      document.title = say(model.title);
      document.getElementById("page").replaceChildren(...sections(curveSection()));
      redrawAll();
      showControls();
      refocus(active);
      window.scrollTo(0, top);
    }

    // A page that is drawn anew keeps the reader's place for the keyboard.
    function focused() {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      if (element.dataset.action) return `[data-action="${element.dataset.action}"]`
        + (element.dataset.run ? `[data-run="${CSS.escape(element.dataset.run)}"]` : "");
      if (element.dataset.language) return `[data-language="${element.dataset.language}"]`;
      const figure = element.closest("figure");
      return figure ? `#${figure.id} .canvas` : element.tagName === "SELECT" ? ".toolbar select" : null;
    }

    function refocus(selector) {
      const element = selector && document.querySelector(selector);
      if (element) element.focus({ preventScroll: true });
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
