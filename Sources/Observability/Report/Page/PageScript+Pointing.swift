extension PageScript {
  /// The crosshair that all plots share, and zooming: with mouse, fingers and keys.
  static let pointing = #"""
    function showCross(plot) {
      const at = plot.chart.series ? plot.own : state.cross;
      const isSeen = at != null && at >= plot.x.low && at <= plot.x.high;
      plot.cross.setAttribute("visibility", isSeen ? "visible" : "hidden");
      plot.dots.replaceChildren();
      if (isSeen) {
        const x = plot.x.to(at);
        plot.cross.setAttribute("x1", x);
        plot.cross.setAttribute("x2", x);
        for (const curve of plot.curves) {
          if (curve.isEvaluation) continue;
          const index = nearest(curve.xs, at), value = index < 0 ? null : (curve.smooth || curve.ys)[index];
          if (value == null || (plot.y.isLog && value <= 0)) continue;
          plot.dots.append(draw("circle", { class: `${colour(curve.colour)} dot`, cx: plot.x.to(curve.xs[index]), cy: plot.y.to(value), r: 3 }));
        }
      }
      showLegend(plot, isSeen ? at : null);
      const { canvas } = plot;
      canvas.setAttribute("aria-valuemin", plot.x.low);
      canvas.setAttribute("aria-valuemax", plot.x.high);
      canvas.setAttribute("aria-valuenow", isSeen ? at : plot.x.high);
      canvas.setAttribute("aria-valuetext", (isSeen ? placeLabel(plot.chart, at) + joiner() : "")
        + [...plot.legend.querySelectorAll(".entry")].map(entry => entry.textContent.trim()).join(joiner()));
    }

    function setCross(plot, at) {
      if (plot.chart.series) {
        plot.own = at;
        return showCross(plot);
      }
      state.cross = at;
      for (const each of plots) if (!each.chart.series && each.x) showCross(each);
      const readout = document.getElementById("readout");
      if (readout) readout.textContent = at == null ? "" : placeLabel(plot.chart, at);
    }

    // The places at which a plot has records: where the crosshair can stand.
    function stops(plot) {
      const curve = plot.curves.reduce((best, curve) => curve.xs.length > best.xs.length ? curve : best, plot.curves[0]);
      return curve.xs;
    }

    function snapped(plot, position) {
      const xs = stops(plot);
      return xs[nearest(xs, plot.x.back(position))];
    }

    function setZoom(range) {
      const [low, high] = wholeRange();
      if (range) {
        const least = (high - low) / 2000;
        const middle = (range[0] + range[1]) / 2, half = Math.max(range[1] - range[0], least) / 2;
        range = [Math.max(low, middle - half), Math.min(high, middle + half)];
        if (range[1] - range[0] > (high - low) * 0.999) range = null;
      }
      state.zoom = range;
      redrawAll();
      showControls();
    }

    // Around the crosshair where there is one, else around the middle.
    function zoomBy(factor, around) {
      const [low, high] = state.zoom || wholeRange();
      const inside = state.cross != null && state.cross >= low && state.cross <= high;
      const at = around != null ? around : inside ? state.cross : (low + high) / 2;
      setZoom([at - (at - low) * factor, at + (high - at) * factor]);
    }

    function listen(plot) {
      const { canvas } = plot, fingers = new Map();
      let began = null, pinch = null;
      const position = event => event.clientX - canvas.getBoundingClientRect().left;
      canvas.addEventListener("pointerdown", event => {
        fingers.set(event.pointerId, position(event));
        if (fingers.size === 2 && !plot.chart.series) {
          pinch = { places: [...fingers.values()].map(plot.x.back), zoom: state.zoom || wholeRange() };
          began = null;
        } else if (event.pointerType === "mouse" && event.button === 0 && !plot.chart.series) {
          began = position(event);
          canvas.setPointerCapture(event.pointerId);
        }
        setCross(plot, snapped(plot, position(event)));
      });
      canvas.addEventListener("pointermove", event => {
        const at = position(event);
        if (fingers.has(event.pointerId)) fingers.set(event.pointerId, at);
        if (pinch && fingers.size === 2) {
          const [one, other] = [...fingers.values()];
          const [first, second] = pinch.places;
          if (Math.abs(one - other) < 20) return;
          // The two places stay under the two fingers.
          const unit = (second - first) / (other - one), low = first - (one - plot.left) * unit;
          return setZoom([low, low + (plot.width - margins.right - plot.left) * unit]);
        }
        if (began != null && Math.abs(at - began) > 4) {
          plot.selection.setAttribute("x", Math.min(began, at));
          plot.selection.setAttribute("width", Math.abs(at - began));
        }
        setCross(plot, snapped(plot, at));
      });
      const end = event => {
        fingers.delete(event.pointerId);
        if (fingers.size < 2) pinch = null;
        if (began == null) return;
        const at = position(event), from = began;
        began = null;
        plot.selection.setAttribute("width", 0);
        if (Math.abs(at - from) > 8) setZoom([plot.x.back(Math.min(at, from)), plot.x.back(Math.max(at, from))]);
      };
      canvas.addEventListener("pointerup", end);
      canvas.addEventListener("pointercancel", end);
      canvas.addEventListener("pointerleave", event => { if (event.pointerType === "mouse" && began == null) setCross(plot, null); });
      canvas.addEventListener("dblclick", () => { if (!plot.chart.series) setZoom(null); });
      canvas.addEventListener("wheel", event => {
        if (!event.ctrlKey || plot.chart.series) return;
        event.preventDefault();
        zoomBy(event.deltaY > 0 ? 1.25 : 0.8, plot.x.back(position(event)));
      }, { passive: false });
      canvas.addEventListener("keydown", event => keyed(plot, event));
    }

    function keyed(plot, event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const xs = stops(plot).filter(x => x >= plot.x.low && x <= plot.x.high);
      const at = plot.chart.series ? plot.own : state.cross, now = at == null ? xs.length : nearest(xs, at);
      const stride = event.shiftKey ? 10 : 1;
      const targets = { ArrowLeft: now - stride, ArrowRight: now + stride, Home: 0, End: xs.length - 1,
        PageUp: now - 10, PageDown: now + 10 };
      if (event.key in targets) setCross(plot, xs[Math.max(0, Math.min(xs.length - 1, targets[event.key]))]);
      else if (event.key === "Escape") setCross(plot, null);
      else if (plot.chart.series) return;
      else if (event.key === "+" || event.key === "=") zoomBy(0.5);
      else if (event.key === "-") zoomBy(2);
      else if (event.key === "0") setZoom(null);
      else return;
      event.preventDefault();
    }
    """#
}
