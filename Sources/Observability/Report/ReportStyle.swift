/// How the report looks, in light and dark surroundings, on wide and narrow screens and on paper.
enum ReportStyle {
  /// Curves have this many colours; a further run takes the first again.
  static let colorCount = 8

  /// The page's style sheet. The palette keeps its order of brightness for readers who see few colours.
  static let css = """
    :root {
      color-scheme: light dark;
      --paper: #fff; --ink: #1c2128; --soft: #5c6570; --line: #e3e6ea; --panel: #f7f8fa; --mark: #fff4d6;
      --p0: #1f6fd0; --p1: #d9600f; --p2: #1a8a4c; --p3: #9a45b8; --p4: #c2273d; --p5: #0f8b99; --p6: #8a6d1a; --p7: #5b5f97;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --paper: #14171c; --ink: #e4e7eb; --soft: #9aa4b0; --line: #2c323b; --panel: #1b1f26; --mark: #3a3113;
        --p0: #6aaeff; --p1: #ff9a55; --p2: #5ccf8c; --p3: #d193ea; --p4: #ff7d8c; --p5: #52cbd8; --p6: #d8b954; --p7: #a9aee8;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0 auto; padding: 1.5rem clamp(.75rem, 3vw, 2rem); max-width: 88rem; background: var(--paper); color: var(--ink);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif;
    }
    h1 { font-size: 1.5rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.15rem; margin: 1.8rem 0 .6rem; }
    h3 { font-size: 1rem; margin: 0; }
    .remark { background: var(--mark); padding: .5rem .75rem; border-radius: 6px; margin: .5rem 0; }
    .note { color: var(--soft); font-size: .9rem; margin: 0 0 .75rem; }
    .plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: 1rem; }
    figure {
      margin: 0; padding: .75rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
      display: flex; flex-direction: column; justify-content: space-between; break-inside: avoid;
    }
    figcaption p { margin: .15rem 0 .35rem; color: var(--soft); font-size: .85rem; }
    figcaption .legend { color: var(--ink); }
    .legend span { margin-right: .9em; white-space: nowrap; }
    .legend.runs { font-size: .95rem; margin: 0 0 .75rem; }
    .legend.runs span { white-space: normal; overflow-wrap: anywhere; }
    .swatch {
      display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; background: currentColor;
    }
    .swatch.bar { width: 1.4em; height: 0; border-top: 2px solid currentColor; border-radius: 0; vertical-align: middle; background: none; }
    .swatch.broken { border-top-style: dashed; }
    .swatch.ring { border-radius: 50%; background: none; border: 2px solid currentColor; width: .7em; height: .7em; }
    svg { display: block; width: 100%; height: auto; font-size: 11.5px; }
    svg path { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
    svg .faint { opacity: .3; stroke-width: 1; }
    svg .thin { stroke-width: 1; opacity: .7; }
    svg .dashed { stroke-dasharray: 5 4; }
    svg .open { fill: var(--panel); stroke-width: 1.8; }
    .grid { stroke: var(--line); }
    .tick { fill: var(--soft); }
    .landmark { stroke: var(--soft); stroke-dasharray: 2 3; }
    .landmark-label { paint-order: stroke; stroke: var(--panel); stroke-width: 3px; stroke-dasharray: none; }
    .band { fill: var(--ink); fill-opacity: 0; }
    .band:hover { fill-opacity: .08; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
    th, td { text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
    th { font-weight: 600; }
    tbody th { font-weight: 500; }
    .value { white-space: pre-wrap; overflow-wrap: anywhere; }
    details .value { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .85rem; }
    tr.differs { background: var(--mark); }
    summary { cursor: pointer; }
    summary h2 { display: inline-block; margin: 1rem 0 .6rem; }
    \(colors)
    """

  private static let colors = (0..<colorCount).map { index in
    "path.c\(index), circle.c\(index) { stroke: var(--p\(index)); } .s\(index) { color: var(--p\(index)); }"
  }.joined(separator: "\n")
}
