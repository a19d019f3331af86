extension PageScript {
  /// A plot: its scales, and the elements that hold it.
  static let plot = #"""
    const margins = { top: 8, right: 14, bottom: 38 };
    const plots = [];

    // The horizontal scale: the run's axis, which all plots share, or a setting that trials were made with.
    function acrossScale(chart, curves, width, left) {
      let range, isLog = false;
      if (chart.series) {
        range = span(curves.flatMap(curve => curve.xs)) || [1, 10];
        range = range[1] > range[0] ? [range[0] / 1.3, range[1] * 1.3] : [range[0] / 2, range[0] * 2];
        isLog = true;
      } else {
        range = state.zoom || wholeRange();
      }
      return scale(range, [left, width - margins.right], isLog);
    }

    function scale([low, high], [from, to], isLog) {
      const value = isLog ? Math.log : number => number;
      const [start, end] = [value(low), value(high)];
      return {
        low, high, isLog,
        to: number => from + (value(number) - start) / (end - start) * (to - from),
        back: position => {
          const number = start + (position - from) / (to - from) * (end - start);
          return isLog ? Math.exp(number) : number;
        },
      };
    }

    // The vertical scale covers what is seen of the curves, and the landmark where that is not far off.
    function upScale(chart, curves, x, height) {
      const values = [];
      for (const curve of curves) {
        const finite = [];
        curve.xs.forEach((at, index) => {
          if (at < x.low || at > x.high) return;
          for (const column of [curve.ys, curve.low, curve.high, curve.smooth]) {
            if (column && column[index] != null) finite.push(column[index]);
          }
          if (curve.bars && curve.bars[index]) finite.push(...curve.bars[index]);
        });
        const range = span(finite);
        if (range) values.push(...range);
      }
      let range = span(values) || [0, 1];
      const isLog = state.log && chart.fixedScale !== true && range[0] > 0 && range[1] / range[0] > 1.0001;
      const landmark = chart.landmark && chart.landmark.value;
      if (landmark != null) {
        const room = Math.max((range[1] - range[0]) * 0.5, Math.abs(landmark) * 0.05);
        if (landmark >= range[0] - room && landmark <= range[1] + room && (!isLog || landmark > 0)) {
          range = [Math.min(range[0], landmark), Math.max(range[1], landmark)];
        }
      }
      if (chart.fromZero && !isLog) range = [Math.min(0, range[0]), chart.upTo != null ? Math.max(chart.upTo, range[1]) : range[1]];
      if (range[1] - range[0] <= Math.abs(range[1]) * 1e-9) {
        const room = range[1] === 0 ? 1 : Math.abs(range[1]) * 0.1;
        range = isLog ? [range[0] / 1.2, range[1] * 1.2] : [range[0] - room, range[1] + room];
      }
      const about = Math.max(2, Math.round(height / 55));
      if (isLog) {
        const y = scale([range[0] / 1.05, range[1] * 1.05], [height - margins.bottom, margins.top], true);
        const marks = logTicks(range[0], range[1]);
        return { ...y, ticks: marks.map(value => ({ value, label: chart.format === "percent" || chart.format === "bytes"
          ? formats[chart.format](value) : short(value) })) };
      }
      // Of bytes, round numbers of their binary unit.
      const unit = chart.format === "bytes" ? 1024 ** Math.floor(Math.log(Math.max(1, range[1])) / Math.log(1024)) : 1;
      const step = roundStep((range[1] - range[0]) / about / unit) * unit;
      const ends = [Math.floor(range[0] / step + 1e-9) * step, Math.ceil(range[1] / step - 1e-9) * step];
      const y = scale(ends[0] < ends[1] ? ends : [ends[0], ends[0] + step], [height - margins.bottom, margins.top], false);
      const count = Math.round((y.high - y.low) / step);
      const marks = Array.from({ length: count + 1 }, (_, index) => y.low + index * step);
      return { ...y, ticks: marks.map(value => ({ value: Math.abs(value) < step / 1e6 ? 0 : value, label: tickLabel(Math.abs(value) < step / 1e6 ? 0 : value, step, chart.format) })) };
    }

    // Ticks of the horizontal scale; the last step always has one, and neighbours that would touch it go.
    function acrossTicks(chart, x, curves) {
      if (x.isLog) {
        return [...new Set(curves.flatMap(curve => curve.xs))].sort((a, b) => a - b).map(value => ({ value, label: short(value) }));
      }
      const pixels = x.to(x.high) - x.to(x.low);
      const about = Math.max(2, Math.floor(pixels / 90));
      const unit = state.axis === "seconds" ? timeUnit(x.high) : { seconds: 1 };
      const marks = ticks(x.low / unit.seconds, x.high / unit.seconds, about, state.axis === "step" || state.axis === "pairs");
      const isWhole = state.axis === "step" || state.axis === "pairs";
      const label = value => isWhole && value < 1e6 ? grouped(value) : tickLabel(value, marks.step, "short");
      const list = marks.values.map(value => ({ value: value * unit.seconds, label: label(value) }));
      const end = isWhole ? Math.floor(x.high + 1e-9) : x.high;
      const last = { value: end, label: isWhole ? label(end) : short(Number((end / unit.seconds).toPrecision(3))) };
      const room = 12 + 3.6 * (last.label.length + (list.length ? list[list.length - 1].label.length : 0));
      const kept = list.filter(mark => x.to(end) - x.to(mark.value) > room);
      return [...kept, last];
    }

    function timeUnit(seconds) {
      return seconds < 300 ? { seconds: 1, name: "s" } : seconds < 7200 ? { seconds: 60, name: "min" } : { seconds: 3600, name: "h" };
    }

    function axisTitle(chart, x) {
      if (chart.series) return say(chart.over);
      const name = state.axis === "pairs" && model.runs.every(run => run.supervised) ? word("texts") : word(state.axis);
      return state.axis === "seconds" ? `${name} (${timeUnit(x.high).name})` : name;
    }

    // A place on the axis in words.
    function placeLabel(chart, value) {
      if (chart.series) return `${say(chart.over)} ${short(value)}`;
      if (state.axis === "seconds") return `${word("seconds")} ${duration(value)}`;
      if (state.axis === "step") return word("stepNumber").replace("{}", grouped(value));
      return `${axisTitle(chart, { high: value })} ${state.axis === "epoch" ? value.toFixed(2) : grouped(value)}`;
    }

    // The figure of a chart, empty as yet; nil where no run has any of its metrics.
    function figure(chart) {
      const legend = make("p", { class: "legend" });
      const canvas = make("div", { class: "canvas", tabindex: "0", role: "slider", "aria-label": say(chart.title) });
      const element = make("figure", { id: "chart-" + chart.id },
        make("figcaption", {}, make("h3", {}, say(chart.title)), make("p", { class: "caption" }, say(chart.caption)), legend), canvas);
      const plot = { chart, element, canvas, legend, curves: curvesOf(chart) };
      if (!plot.curves.length) return null;
      plots.push(plot);
      listen(plot);
      return element;
    }
    """#
}
