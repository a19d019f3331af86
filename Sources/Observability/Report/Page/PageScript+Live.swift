extension PageScript {
  /// What a page has that follows its runs: whether it is connected, how far a run is, what its processes do, and a way to
  /// stop it. In a report, which follows nothing, all of this is empty.
  static let live = #"""
    const connection = { isOpen: false, wasOpen: false };

    function connectionState() {
      if (!model.live) return null;
      const name = connection.isOpen ? "connected" : connection.wasOpen ? "lost" : "connecting";
      return make("p", { class: `connection ${name}`, role: "status" }, word(name));
    }

    // How far a run is that goes on, and a button that ends it behind a checkpoint.
    function liveState(run) {
      if (!model.live || !(run.state.name === "running" || run.stop)) return [];
      return [
        run.progress ? make("div", { class: "progress" },
          make("progress", { max: String(run.progress.total), value: String(run.progress.done), "aria-label": word("progress") }),
          make("span", {}, `${grouped(run.progress.done)} / ${grouped(run.progress.total)}`
            + (run.progress.left == null ? "" : joiner() + word("left").replace("{}", say(run.progress.left))))) : null,
        stopping(run),
      ];
    }

    // Asked twice: a run is not stopped by a slip of the finger.
    const asking = { run: null, sent: new Set(), answers: new Map() };

    function stopping(run) {
      if (!run.stop) return null;
      const answer = asking.answers.get(run.name);
      const note = run.stop.state === "possible" ? answer && say(answer) : say(run.stop.words);
      const button = (action, text, kind, act) => make("button", { type: "button", "data-action": action, "data-run": run.name, class: kind, click: act }, text);
      const buttons = run.stop.state !== "possible" || asking.sent.has(run.name) ? [] : asking.run === run.name
        ? [button("stop-now", word("stopNow"), "danger", () => stop(run.name)), button("keep-on", word("keepOn"), "", () => { asking.run = null; refresh(); })]
        : [button("stop", word("stop"), "", () => {
            asking.run = run.name;
            asking.answers.delete(run.name);
            refresh();
            refocus('[data-action="stop-now"]');
          })];
      return make("div", { class: "stopping" }, buttons, note ? make("span", { class: "note", role: "status" }, note) : null);
    }

    // What each process does, and whom it waits for.
    function processes({ run, index }) {
      if (!model.live || !(run.state.name === "running" || run.stop) || !run.ranks || !run.ranks.length) return null;
      const has = member => run.ranks.some(rank => rank[member] != null && rank[member] !== "");
      const columns = [["place", "place"], ["state", "now"], ["step", "step"], ["waiting", "waitingShare"], ["device", "gpu"]].filter(([member]) => has(member));
      const cell = (rank, member) => rank[member] == null ? "–" : member === "state" ? make("span", { class: "rank-state tone-" + rank.tone }, say(rank.state))
        : member === "step" ? grouped(rank.step) : member === "waiting" ? (rank.waiting * 100).toFixed(1) + " %" : say(rank[member]);
      return make("div", {}, nameOf({ run, index }), table([word("rank"), ...columns.map(([, name]) => word(name))],
        run.ranks.map(rank => [String(rank.rank), ...columns.map(([member]) => cell(rank, member))])));
    }
    """#

  /// How a page that follows runs talks with its server. A report has no server, and none of this.
  static let server = #"""
    async function stop(name) {
      asking.run = null;
      asking.sent.add(name);
      refresh();
      let words;
      try {
        const answer = await fetch("stop", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ run: name }) });
        const found = await answer.json();
        words = found.words || found.error.message;
      } catch {
        words = word("notSent");
      }
      asking.sent.delete(name);
      asking.answers.set(name, words);
      refresh();
    }

    // The stream of what is new. A browser connects again by itself; only where the server refuses, it does not.
    function follow() {
      const stream = new EventSource("events");
      let isDue = false;
      const soon = () => {
        if (isDue) return;
        isDue = true;
        const draw = () => { isDue = false; refresh(); };
        if (document.hidden) document.addEventListener("visibilitychange", draw, { once: true }); else requestAnimationFrame(draw);
      };
      const changed = isOpen => {
        connection.isOpen = isOpen;
        connection.wasOpen = connection.wasOpen || isOpen;
        soon();
      };
      stream.addEventListener("open", () => changed(true));
      stream.addEventListener("update", event => {
        merge(JSON.parse(event.data));
        model.written = new Date().toISOString().replace(/\.\d+Z$/, "Z");
        soon();
      });
      stream.addEventListener("error", () => {
        changed(false);
        if (stream.readyState === EventSource.CLOSED) setTimeout(follow, 3000);
      });
    }
    if (model.live) follow();
    """#
}
