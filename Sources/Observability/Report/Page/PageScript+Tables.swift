extension PageScript {
  /// Tables: of the curves, and of options and surroundings.
  static let tables = #"""
    // A table that scrolls by itself where it is wider than the page. Cells are texts or elements.
    function table(head, rows, { rowHead = 0, marked = () => false, number = false } = {}) {
      return make("div", { class: "scroll", tabindex: "0", role: "group" }, make("table", { class: number ? "numbers" : "" },
        head.length ? make("thead", {}, make("tr", {}, head.map(cell => make("th", { scope: "col" }, cell)))) : null,
        make("tbody", {}, rows.map((cells, index) => make("tr", { class: marked(index) ? "differs" : null },
          cells.map((cell, column) => column === rowHead ? make("th", { scope: "row" }, cell) : make("td", {}, cell)))))));
    }

    // The numbers of a chart, at most a few dozen rows of what is zoomed to.
    function chartTable(chart) {
      const curves = curvesOf(chart);
      if (!curves.length) return null;
      const [low, high] = state.zoom || wholeRange();
      const places = [...new Set(curves.flatMap(curve => curve.xs))].filter(x => chart.series || (x >= low && x <= high)).sort((a, b) => a - b);
      const every = Math.max(1, Math.ceil(places.length / 60));
      const kept = places.filter((_, index) => index % every === 0 || index === places.length - 1);
      const at = curves.map(curve => new Map(curve.xs.map((x, index) => [x, index])));
      const rows = kept.map(x => [!chart.series && state.axis === "step" ? grouped(x) : placeLabel(chart, x), ...curves.map((curve, index) => {
        const point = at[index].get(x);
        if (point == null) return "";
        const ends = curve.bars && curve.bars[point];
        return written(curve.ys[point], chart.format)
          + (ends ? ` (${written(ends[0], chart.format)}–${written(ends[1], chart.format)})` : "");
      })]);
      return make("figure", { id: "chart-" + chart.id }, make("figcaption", {}, make("h3", {}, say(chart.title)), make("p", { class: "caption" }, say(chart.caption))),
        table([axisTitle(chart, { high }), ...curves.map(curve => curve.label)], rows));
    }

    // Names and values of all runs side by side; what differs comes first and is marked.
    function comparedValues(id, title, member) {
      const runs = shownRuns();
      const names = [...new Set(runs.flatMap(({ run }) => Object.keys(run[member])))];
      if (!names.length) return null;
      const differs = name => runs.some(({ run }) => run[member][name] !== runs[0].run[member][name]);
      const sorted = [...names.filter(differs), ...names.filter(name => !differs(name))];
      const rows = sorted.map(name => [name, ...runs.map(({ run }) =>
        make("span", { class: "value" }, run[member][name] == null ? "–" : run[member][name]))]);
      const head = runs.length > 1 ? [word(member === "settings" ? "option" : "environment"), ...runs.map(({ run, index }) =>
        make("span", {}, make("i", { class: "swatch " + colour(index) }), run.name))] : [];
      return make("details", { id }, make("summary", {}, make("h2", {}, title)),
        table(head, rows, { marked: index => differs(sorted[index]) }));
    }
    """#
}
