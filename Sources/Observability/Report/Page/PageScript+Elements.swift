extension PageScript {
  /// Making elements, and the reader's choices.
  static let elements = #"""
    const model = JSON.parse(document.getElementById("model").textContent);

    // What the reader has chosen. `zoom` is a range of the horizontal axis, `cross` a place on it.
    const state = {
      language: model.language, theme: "auto", axis: "step", smoothing: 0.03, log: false, tables: false,
      zoom: null, cross: null, hidden: new Set(),
    };

    // Pages opened from a disk may not be allowed to keep anything.
    const kept = {
      get(name) { try { return localStorage.getItem("minimind-dpo-" + name); } catch { return null; } },
      set(name, value) { try { localStorage.setItem("minimind-dpo-" + name, value); } catch { } },
    };

    // An element with attributes, listeners (a function under the name of its event) and children. Text is only ever text.
    function make(tag, attributes, ...children) {
      const element = document.createElement(tag);
      for (const [name, value] of Object.entries(attributes || {})) {
        if (typeof value === "function") element.addEventListener(name, value);
        else if (value === true) element.setAttribute(name, "");
        else if (value !== false && value != null) element.setAttribute(name, value);
      }
      element.append(...children.flat().filter(child => child != null));
      return element;
    }

    function draw(tag, attributes, ...children) {
      const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) if (value != null) element.setAttribute(name, value);
      element.append(...children);
      return element;
    }

    // A text of the model in the reader's language, and one of the page's own by its name.
    const say = text => text == null ? "" : typeof text === "string" ? text : text[state.language];
    const word = name => say(model.words[name]);
    const joiner = () => state.language === "zh" ? "，" : ", ";
    const colour = index => "c" + index % 8;
    const shownRuns = () => model.runs.map((run, index) => ({ run, index })).filter(({ run }) => !state.hidden.has(run.name));
    """#
}
