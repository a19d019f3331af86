extension PageScript {
  /// Taking over what is new, and showing it without disturbing a reader: what stays the same is not touched.
  static let updating = #"""
    // `changes` are members of the model; runs are found by their names, and of one that is known only the members given are
    // replaced, of its curves only columns from some place on (`from`). What is `fresh` takes the place of all that was known.
    // `names` says which runs there are, in their order.
    function merge(changes) {
      if (changes.fresh) model.runs = [];
      for (const [name, value] of Object.entries(changes)) {
        if (name === "fresh") continue;
        if (name !== "runs") { model[name] = value; continue; }
        for (const run of value) {
          const place = model.runs.findIndex(other => other.name === run.name);
          if (place < 0 || run.fresh) {
            const whole = { ...run, series: run.series || {} };
            if (place < 0) model.runs.push(whole); else model.runs[place] = whole;
            continue;
          }
          const known = model.runs[place], series = { ...known.series };
          for (const [metric, column] of Object.entries(run.series || {})) series[metric] = joined(series[metric], column);
          Object.assign(known, run, { series });
        }
      }
      if (model.names) {
        const order = new Map(model.names.map((name, index) => [name, index]));
        model.runs = model.runs.filter(run => order.has(run.name)).sort((one, other) => order.get(one.name) - order.get(other.name));
      }
    }

    function joined(known, column) {
      if (!column.from || !known) return column;
      const whole = { ...column };
      for (const name of ["x", "y", "low", "high"]) {
        if (column[name]) whole[name] = (known[name] || []).slice(0, column.from).concat(column[name]);
      }
      return whole;
    }

    function update(changes) {
      merge(changes);
      refresh();
    }

    // Makes one element what another one is, and keeps as much of it as it can: the listeners and the focus of controls, open
    // lists, and how far tables are scrolled.
    function morph(old, fresh) {
      if (old.isEqualNode(fresh)) return old;
      const isSame = old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && !(old instanceof SVGElement)
        && ["id", "data-action", "data-run", "aria-label", "type"].every(name => !old.getAttribute || old.getAttribute(name) === fresh.getAttribute(name));
      if (!isSame) {
        old.replaceWith(fresh);
        return fresh;
      }
      if (old.nodeType !== Node.ELEMENT_NODE) {
        old.data = fresh.data;
        return old;
      }
      for (const name of old.getAttributeNames()) {
        if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
      }
      for (const name of fresh.getAttributeNames()) {
        if (old.getAttribute(name) !== fresh.getAttribute(name)) old.setAttribute(name, fresh.getAttribute(name));
      }
      const children = [...fresh.childNodes];
      children.forEach((child, index) => {
        const known = old.childNodes[index];
        if (known) morph(known, child); else old.append(child);
      });
      while (old.childNodes.length > children.length) old.lastChild.remove();
      return old;
    }

    function refresh() {
      document.title = say(model.title);
      const page = document.getElementById("page");
      const keyOf = element => element.id || element.className;
      const known = new Map([...page.children].map(element => [keyOf(element), element]));
      const parts = sections(followedCurves(known.get("curves"))).map(part => {
        const old = known.get(keyOf(part));
        return old && keyOf(part) !== "curves" ? morph(old, part) : part;
      });
      // What is in its place is not moved: a plot that is pointed at would lose the pointer.
      for (const child of [...page.children]) if (!parts.includes(child)) child.remove();
      let place = page.firstChild;
      for (const part of parts) {
        if (part === place) place = place.nextSibling; else page.insertBefore(part, place);
      }
      for (const plot of plots) redrawSoon(plot);
      showControls();
    }

    // The plots, as they are where they only have more to show.
    function followedCurves(section) {
      const charts = model.charts.filter(chart => !chart.series).map(chart => ({ chart, curves: curvesOf(chart) })).filter(({ curves }) => curves.length);
      const followed = plots.filter(plot => !plot.chart.series);
      const isSame = section && !state.tables && charts.length === followed.length
        && charts.every(({ chart }, index) => chart.id === followed[index].chart.id && say(chart.caption) === say(followed[index].chart.caption))
        && axes.filter(hasAxis).length === section.querySelectorAll(".toolbar select option").length
        && section.querySelector(".toolbar select").value === state.axis;
      if (!isSame) {
        plots.length = 0;
        const fresh = curveSection();
        if (fresh) requestAnimationFrame(redrawAll);
        return fresh;
      }
      charts.forEach(({ chart, curves }, index) => Object.assign(followed[index], { chart, curves }));
      return section;
    }

    // Plots out of sight are drawn when they come into it.
    function redrawSoon(plot) {
      const box = plot.element.getBoundingClientRect();
      plot.isStale = box.bottom < -200 || box.top > window.innerHeight + 200;
      if (!plot.isStale) redraw(plot);
    }

    window.addEventListener("scroll", () => { for (const plot of plots) if (plot.isStale) redrawSoon(plot); }, { passive: true });
    """#
}
