extension PageScript {
  /// How a plot is drawn.
  static let drawing = #"""
    function redraw(plot) {
      const { chart, canvas, curves } = plot;
      plot.isStale = false;
      const width = Math.max(200, canvas.clientWidth), height = width < 380 ? 210 : 240;
      const rough = upScale(chart, curves, acrossScale(chart, curves, width, 50), height);
      const left = 12 + 6.6 * Math.max(2, ...rough.ticks.map(tick => tick.label.length));
      const x = acrossScale(chart, curves, width, left), y = upScale(chart, curves, x, height);
      Object.assign(plot, { x, y, left, width, height });
      const bottom = height - margins.bottom, right = width - margins.right;
      const svg = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
      for (const tick of y.ticks) {
        const at = y.to(tick.value);
        if (at < margins.top - 1 || at > bottom + 1) continue;
        svg.append(draw("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }),
          draw("text", { class: "tick", x: left - 6, y: at + 4, "text-anchor": "end" }, tick.label));
      }
      for (const tick of acrossTicks(chart, x, curves)) {
        const at = x.to(tick.value), half = 3.4 * tick.label.length;
        const anchor = at + half > width ? "end" : at - half < 0 ? "start" : "middle";
        svg.append(draw("line", { class: "tickmark", x1: at, x2: at, y1: bottom, y2: bottom + 4 }),
          draw("text", { class: "tick", x: anchor === "end" ? width : at, y: bottom + 16, "text-anchor": anchor }, tick.label));
      }
      svg.append(draw("text", { class: "tick title", x: (left + right) / 2, y: height - 4, "text-anchor": "middle" }, axisTitle(chart, x)));
      const landmark = chart.landmark;
      plot.hasLandmark = landmark && landmark.value >= y.low && landmark.value <= y.high;
      if (plot.hasLandmark) {
        svg.append(draw("line", { class: "landmark", x1: left, x2: right, y1: y.to(landmark.value), y2: y.to(landmark.value) }));
      }
      const clip = "clip-" + chart.id;
      svg.append(draw("clipPath", { id: clip }, draw("rect", { x: left - 5, y: 0, width: Math.max(0, right - left + 10), height: bottom + 5 })));
      const inside = draw("g", { "clip-path": `url(#${clip})` });
      // Points over lines, strong lines over faint ones.
      for (const curve of curves) inside.append(...faint(plot, curve));
      for (const curve of curves) inside.append(...strong(plot, curve));
      plot.cross = draw("line", { class: "cross", x1: 0, x2: 0, y1: margins.top, y2: bottom, visibility: "hidden" });
      plot.dots = draw("g", {});
      plot.selection = draw("rect", { class: "selection", x: 0, y: margins.top, width: 0, height: bottom - margins.top });
      svg.append(inside, plot.selection, plot.cross, plot.dots);
      canvas.replaceChildren(svg);
      showCross(plot);
    }

    // A line through points; values that are no numbers leave a gap.
    function line(plot, xs, ys) {
      let path = "", isBroken = true;
      for (let index = 0; index < ys.length; index += 1) {
        if (ys[index] == null || (plot.y.isLog && ys[index] <= 0)) { isBroken = true; continue; }
        path += (isBroken ? "M" : "L") + plot.x.to(xs[index]).toFixed(1) + " " + plot.y.to(ys[index]).toFixed(1);
        isBroken = false;
      }
      return path;
    }

    // The records behind a smoothed curve; of buckets, from their least to their greatest value.
    function faint(plot, curve) {
      const style = colour(curve.colour), parts = [];
      if (curve.low && curve.high && !curve.isPoints) {
        const finite = [...curve.xs.keys()].filter(index => curve.low[index] != null && (!plot.y.isLog || curve.low[index] > 0));
        const xs = finite.map(index => curve.xs[index]);
        const there = line(plot, xs, finite.map(index => curve.high[index]));
        const back = line(plot, xs.slice().reverse(), finite.map(index => curve.low[index]).reverse());
        if (finite.length) parts.push(draw("path", { class: `${style} band`, d: there + "L" + back.slice(1) + "Z" }));
      } else if (curve.smooth) {
        parts.push(draw("path", { class: `${style} faint`, d: line(plot, curve.xs, curve.ys) }));
      }
      for (const step of curve.broken || []) {
        const at = plot.x.to(curve.run ? place(curve.run, step) : step), bottom = plot.height - margins.bottom;
        parts.push(draw("path", { class: "broken", d: `M${at - 4} ${bottom - 9}L${at + 4} ${bottom - 1}M${at + 4} ${bottom - 9}L${at - 4} ${bottom - 1}` },
          draw("title", {}, word("notFinite"))));
      }
      return parts;
    }

    function strong(plot, curve) {
      const style = colour(curve.colour), parts = [];
      const finite = curve.ys.filter(value => value != null).length;
      // Two measurements make no trend, and a lone record no line.
      const isLine = curve.isEvaluation ? finite > 2 : finite > 1;
      if (isLine) {
        const look = [style, curve.isEvaluation ? "thin" : "", curve.isDashed ? "dashed" : ""].join(" ");
        parts.push(draw("path", { class: look, d: line(plot, curve.xs, curve.smooth || curve.ys) }));
      }
      const bars = curve.bars || (curve.isPoints ? curve.low.map((low, index) => [low, curve.high[index]]) : null);
      if (curve.isEvaluation || finite < 2) {
        const every = Math.max(1, Math.ceil(curve.ys.length / 25));
        curve.ys.forEach((value, index) => {
          if (value == null || (plot.y.isLog && value <= 0) || (index % every && index !== curve.ys.length - 1)) return;
          // Trials of one setting stand beside each other, so that their bars can be told apart.
          const at = plot.x.to(curve.xs[index]) + (curve.isPoints ? 5 * (curve.colour - (plot.curves.length - 1) / 2) : 0);
          const ends = bars && bars[index];
          if (ends && ends[1] > ends[0]) {
            parts.push(draw("line", { class: `${style} bar`, x1: at, x2: at,
              y1: plot.y.to(plot.y.isLog ? Math.max(ends[0], plot.y.low) : ends[0]), y2: plot.y.to(ends[1]) }));
          }
          parts.push(draw("circle", { class: `${style} open`, cx: at, cy: plot.y.to(value), r: 3.2 }));
        });
      }
      return parts;
    }

    // The legend, which also shows the values at the crosshair, or else the last ones.
    function showLegend(plot, at) {
      const entries = model.runs.length > 1 && !plot.chart.series ? byRun(plot, at) : plot.curves.map(curve => {
        const index = at == null ? lastFinite(curve.ys) : nearest(curve.xs, at);
        const value = index < 0 ? null : curve.ys[index];
        const ends = index >= 0 && curve.bars && curve.bars[index];
        // Evaluations are rare: say of which step one is.
        const isElsewhere = at != null && curve.isEvaluation && !curve.isPoints && Math.abs(curve.xs[index] - at) > (plot.x.high - plot.x.low) * 0.01;
        const note = (ends ? ` (${written(ends[0], plot.chart.format)}–${written(ends[1], plot.chart.format)})` : "")
          + (isElsewhere ? ` @ ${placeLabel(plot.chart, curve.xs[index])}` : "");
        const swatch = ["swatch", colour(curve.colour), curve.isEvaluation ? "ring" : "", curve.isDashed ? "broken-line" : ""].join(" ");
        return make("span", { class: "entry" }, make("i", { class: swatch }), curve.label + " ",
          make("b", {}, value == null && index < 0 ? "–" : written(value, plot.chart.format)), note);
      });
      if (plot.hasLandmark && say(plot.chart.landmark.label)) {
        entries.push(make("span", { class: "entry soft" }, make("i", { class: "swatch landmark-swatch" }), say(plot.chart.landmark.label)));
      }
      plot.legend.replaceChildren(...entries);
    }

    // Of several runs an entry each, with all its values; what they are is said once.
    function byRun(plot, at) {
      const runs = [...new Set(plot.curves.map(curve => curve.run))];
      const entries = runs.map(run => {
        const own = plot.curves.filter(curve => curve.run === run);
        const values = own.map(curve => {
          const index = at == null ? lastFinite(curve.ys) : nearest(curve.xs, at);
          return index < 0 ? "–" : written(curve.ys[index], plot.chart.format);
        });
        return make("span", { class: "entry" }, make("i", { class: "swatch " + colour(own[0].colour) }), run.name + " ",
          make("b", {}, values.join(" · ")));
      });
      const kinds = plot.chart.curves.filter(kind => plot.curves.some(curve => curve.kind === kind));
      if (kinds.length < 2) return entries;
      const drawn = kind => kind.evaluation ? "ring" : plot.curves.find(curve => curve.kind === kind).isDashed ? "broken-line" : "line";
      return [make("span", { class: "entry soft" }, kinds.flatMap((kind, index) => [index ? " · " : "",
        make("i", { class: "swatch " + drawn(kind) }), say(kind.label)])), ...entries];
    }

    function lastFinite(values) {
      for (let index = values.length - 1; index >= 0; index -= 1) if (values[index] != null) return index;
      return -1;
    }
    """#
}
