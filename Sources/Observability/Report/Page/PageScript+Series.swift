extension PageScript {
  /// The points of curves on the chosen axis, and their smoothing.
  static let series = #"""
    const axes = ["step", "epoch", "pairs", "seconds"];
    const hasAxis = axis => axis === "step" || shownRuns().every(({ run }) => run.clock[axis] && run.clock[axis].length > 1);

    // A step of a run on the chosen axis: what the run had done by then, between its records in proportion.
    function place(run, step) {
      if (state.axis === "step") return step;
      const steps = run.clock.step, values = run.clock[state.axis];
      let low = 0, high = steps.length - 1;
      if (step <= steps[0]) return steps[0] > 0 ? values[0] * step / steps[0] : values[0];
      // The last evaluation may come after the last record of training.
      if (step >= steps[high]) low = Math.max(0, high - 1);
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (steps[middle] <= step) low = middle; else high = middle;
      }
      if (high === low) return values[low];
      return values[low] + (values[high] - values[low]) * (step - steps[low]) / (steps[high] - steps[low]);
    }

    // A regression line through the neighbours of each point, weighted by a Gaussian (LOESS, Cleveland 1979): at the ends
    // it follows a slope, where a mean would bend. `width` is the Gaussian's standard deviation on the axis.
    function smooth(xs, ys, width) {
      const result = new Array(ys.length);
      let from = 0;
      for (let index = 0; index < ys.length; index += 1) {
        const x = xs[index];
        if (ys[index] == null) { result[index] = null; continue; }
        while (xs[from] < x - 3 * width) from += 1;
        let weights = 0, sumX = 0, sumY = 0, sumXX = 0, sumXY = 0;
        for (let other = from; other < ys.length && xs[other] <= x + 3 * width; other += 1) {
          if (ys[other] == null) continue;
          const distance = xs[other] - x, weight = Math.exp(-0.5 * (distance / width) ** 2);
          weights += weight; sumX += weight * distance; sumY += weight * ys[other];
          sumXX += weight * distance * distance; sumXY += weight * distance * ys[other];
        }
        const spread = weights * sumXX - sumX * sumX;
        result[index] = spread > 1e-12 * weights * weights * width * width
          ? (sumXX * sumY - sumX * sumXY) / spread : sumY / weights;
      }
      return result;
    }

    // The curves of a chart: one for each of its metrics in each run that is shown.
    function curvesOf(chart) {
      if (chart.series) {
        return chart.series.map((series, index) => ({
          ...series, ys: series.y, xs: series.x, isPoints: true, isEvaluation: true, colour: index, label: say(series.label),
        }));
      }
      const several = model.runs.length > 1, curves = [];
      for (const { run, index } of shownRuns()) {
        chart.curves.forEach((curve, order) => {
          const column = run.series[curve.metric];
          if (!column) return;
          const xs = column.x.map(step => place(run, step));
          const ends = curve.low && run.series[curve.low] && run.series[curve.high];
          const own = { xs, ys: column.y, steps: column.x, low: column.low, high: column.high, broken: column.broken || [] };
          if (ends) Object.assign(own, { bars: intervals(run, curve) });
          const label = chart.curves.length > 1 ? say(curve.label) : "";
          curves.push({
            ...own, run, kind: curve, isEvaluation: curve.evaluation, colour: several ? index : order,
            isDashed: several && order > 0 && !curve.evaluation,
            label: [several ? run.name : "", label].filter(text => text).join(joiner()) || say(chart.title),
          });
        });
      }
      if (chart.noisy) {
        for (const curve of curves) curve.smooth = smoothed(curve);
      }
      return curves;
    }

    // The same part of the run for every curve, but at least its nearest neighbours, so that a short curve is smoothed as a
    // long one is.
    function smoothed(curve) {
      const finite = curve.ys.filter(value => value != null).length;
      if (curve.isEvaluation || !state.smoothing || finite < 4) return null;
      const range = curve.xs[curve.xs.length - 1] - curve.xs[0];
      const width = Math.max(range * state.smoothing, range / (curve.xs.length - 1) * state.smoothing / 0.03);
      return width > 0 ? smooth(curve.xs, curve.ys, width) : null;
    }

    function intervals(run, curve) {
      const low = new Map(run.series[curve.low].x.map((step, index) => [step, run.series[curve.low].y[index]]));
      const high = new Map(run.series[curve.high].x.map((step, index) => [step, run.series[curve.high].y[index]]));
      return run.series[curve.metric].x.map(step => low.has(step) && high.has(step) ? [low.get(step), high.get(step)] : null);
    }

    // The index of the point nearest to a place; -1 where there is none.
    function nearest(xs, x) {
      let low = 0, high = xs.length - 1;
      if (high < 0) return -1;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (xs[middle] <= x) low = middle; else high = middle;
      }
      return Math.abs(xs[high] - x) < Math.abs(xs[low] - x) ? high : low;
    }

    const span = values => values.length
      ? values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]) : null;

    // The whole range of the axis, over all runs that are shown.
    function wholeRange() {
      let range = null;
      for (const { run } of shownRuns()) {
        for (const column of Object.values(run.series)) {
          if (!column.x.length) continue;
          const [low, high] = [place(run, column.x[0]), place(run, column.x[column.x.length - 1])];
          range = range ? [Math.min(range[0], low), Math.max(range[1], high)] : [low, high];
        }
      }
      if (!range) return [0, 1];
      return range[1] > range[0] ? range : [range[0] - 0.5, range[1] + 0.5];
    }
    """#
}
