/// How the page looks, in light and dark surroundings, on wide and narrow screens and on paper.
enum PageStyle {
  /// Curves have this many colours; a further run takes the first again.
  static let colorCount = 8

  /// The page's style sheet.
  static let css = [palette, text, plots, sections, narrow, colors].joined(separator: "\n")

  /// The order of brightness is kept for readers who see few colours.
  private static let palette = """
    :root {
      color-scheme: light dark;
      --paper: #fff; --ink: #1c2128; --soft: #59626d; --line: #e1e5ea; --panel: #f7f8fa; --mark: #fff4d6; --edge: #c9d0d8;
      --good: #17743f; --bad: #b3261e; --unsure: #7a5c00; --link: #1f6fd0;
      --p0: #1f6fd0; --p1: #d9600f; --p2: #1a8a4c; --p3: #9a45b8; --p4: #c2273d; --p5: #0f8b99; --p6: #8a6d1a; --p7: #5b5f97;
    }
    \(dark(":root:not([data-theme=light])", onlyWhere: "(prefers-color-scheme: dark)"))
    \(dark(":root[data-theme=dark]", onlyWhere: nil))
    :root[data-theme=light] { color-scheme: light; }
    """

  private static func dark(_ selector: String, onlyWhere condition: String?) -> String {
    let rule = """
      \(selector) {
        color-scheme: dark;
        --paper: #14171c; --ink: #e4e7eb; --soft: #9ca6b2; --line: #2c323b; --panel: #1b1f26; --mark: #3a3113; --edge: #434b57;
        --good: #63d391; --bad: #ff8a80; --unsure: #e3c263; --link: #6aaeff;
        --p0: #6aaeff; --p1: #ff9a55; --p2: #5ccf8c; --p3: #d193ea; --p4: #ff7d8c; --p5: #52cbd8; --p6: #d8b954; --p7: #a9aee8;
      }
      """
    // On paper there is no night.
    return condition.map { "@media screen and \($0) {\n\(rule)\n}" } ?? "@media screen {\n\(rule)\n}"
  }

  private static let text = """
    * { box-sizing: border-box; }
    body {
      margin: 0 auto; padding: 1.25rem clamp(.75rem, 3vw, 2rem); max-width: 90rem; background: var(--paper); color: var(--ink);
      font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif;
    }
    h1 { font-size: 1.45rem; margin: 0; overflow-wrap: anywhere; }
    h2 { font-size: 1.15rem; margin: 1.8rem 0 .6rem; }
    h3 { font-size: 1rem; margin: 0; }
    h4 { font-size: .85rem; font-weight: 600; color: var(--soft); margin: 0 0 .2rem; }
    p { margin: .4rem 0; }
    .connection { margin: 0 auto 0 0; font-size: .8rem; border: 1px solid currentColor; border-radius: 1em; padding: 0 .6em; color: var(--soft); }
    .connection.connected { color: var(--good); } .connection.lost { color: var(--bad); }
    .head { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; justify-content: space-between; align-items: baseline; margin-bottom: .8rem; }
    .preferences { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; }
    .switch { display: inline-flex; }
    .switch button:first-child { border-radius: 6px 0 0 6px; }
    .switch button:last-child { border-radius: 0 6px 6px 0; border-left: 0; }
    button, select {
      font: inherit; font-size: .875rem; color: inherit; background: var(--paper); border: 1px solid var(--edge); border-radius: 6px;
      padding: .25rem .6rem; min-height: 2rem; cursor: pointer;
    }
    button:disabled { opacity: .45; cursor: default; }
    button[aria-pressed=true] { background: var(--ink); color: var(--paper); border-color: var(--ink); }
    :focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
    label { display: inline-flex; align-items: center; gap: .4rem; font-size: .875rem; }
    label.check span { white-space: nowrap; }
    input[type=range] { width: 7rem; accent-color: var(--link); }
    .note, footer { color: var(--soft); font-size: .875rem; margin: 0 0 .75rem; }
    footer { margin-top: 2rem; }
    .remark { background: var(--mark); padding: .45rem .75rem; border-radius: 6px; margin: .5rem 0; overflow-wrap: anywhere; }
    """

  private static let plots = """
    .toolbar {
      position: sticky; top: 0; z-index: 2; background: var(--paper); display: flex; flex-wrap: wrap; gap: .4rem 1.1rem; align-items: center;
      padding: .5rem 0; border-bottom: 1px solid var(--line); margin-bottom: .6rem;
    }
    .toolbar .group { display: inline-flex; gap: .35rem; }
    .toolbar output { font-variant-numeric: tabular-nums; font-weight: 600; min-width: 6rem; }
    .plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 23rem), 1fr)); gap: 1rem; }
    figure {
      margin: 0; padding: .75rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; min-width: 0;
      display: flex; flex-direction: column; justify-content: space-between; break-inside: avoid;
    }
    .caption { color: var(--soft); font-size: .85rem; margin: .1rem 0 .3rem; }
    .legend { font-size: .875rem; font-variant-numeric: tabular-nums; margin: 0 0 .35rem; min-height: 1.4em; display: flex; flex-wrap: wrap; gap: .05rem .9rem; }
    .legend b { font-weight: 600; }
    .soft { color: var(--soft); }
    .canvas { touch-action: pan-y; cursor: crosshair; user-select: none; -webkit-user-select: none; border-radius: 4px; }
    svg { display: block; width: 100%; height: auto; font-size: 11.5px; }
    svg path { fill: none; stroke-width: 1.9; stroke-linejoin: round; stroke-linecap: round; }
    svg path.faint { opacity: .32; stroke-width: 1; }
    svg path.band { stroke-width: .6; stroke-opacity: .25; fill-opacity: .18; }
    svg path.thin { stroke-width: 1.1; opacity: .75; }
    svg path.dashed { stroke-dasharray: 5 4; }
    svg .broken { stroke: var(--bad); stroke-width: 1.6; }
    svg .open { fill: var(--panel); stroke-width: 1.8; }
    svg .bar { stroke-width: 1.4; opacity: .8; }
    .grid { stroke: var(--line); } .tickmark { stroke: var(--edge); }
    .tick { fill: var(--soft); } .tick.title { font-size: 11.5px; font-weight: 600; }
    .landmark { stroke: var(--soft); stroke-dasharray: 2 3; }
    .cross { stroke: var(--ink); stroke-opacity: .55; pointer-events: none; }
    .selection { fill: var(--link); fill-opacity: .15; pointer-events: none; }
    .swatch { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .35em; background: currentColor; flex: none; }
    .swatch.ring { border-radius: 50%; background: none; border: 2px solid currentColor; width: .75em; height: .75em; }
    .swatch.line { height: 0; width: 1.3em; border-top: 2px solid currentColor; background: none; border-radius: 0; vertical-align: middle; }
    .swatch.broken-line { height: 0; width: 1.3em; border-top: 2px dashed currentColor; background: none; border-radius: 0; vertical-align: middle; }
    .swatch.landmark-swatch { height: 0; width: 1.3em; border-top: 2px dotted currentColor; background: none; border-radius: 0; vertical-align: middle; }
    """

  private static let sections = """
    .runs { margin-top: 1rem; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
    .run { border: 1px solid var(--line); border-left: 4px solid var(--unsure); border-radius: 8px; padding: .75rem 1rem; min-width: 0; break-inside: avoid; }
    .run.tone-good { border-left-color: var(--good); } .run.tone-bad { border-left-color: var(--bad); }
    .run header { display: flex; flex-wrap: wrap; gap: .2rem .7rem; align-items: center; }
    .run header h2, .run header h3 { margin: 0; }
    .name { overflow-wrap: anywhere; }
    .state { border: 1px solid currentColor; border-radius: 1em; padding: 0 .6em; font-size: .8rem; color: var(--soft); white-space: nowrap; }
    .state-finished, .state-early { color: var(--good); } .state-failed, .state-killed { color: var(--bad); }
    .state-running { color: var(--link); } .state-stopped, .state-unknown { color: var(--unsure); }
    .progress { display: flex; flex-wrap: wrap; gap: .2rem .8rem; align-items: center; margin: .5rem 0; font-variant-numeric: tabular-nums; }
    .progress progress { flex: 1; min-width: 8rem; max-width: 30rem; height: .7rem; accent-color: var(--link); }
    .stopping { display: flex; flex-wrap: wrap; gap: .4rem .7rem; align-items: center; margin: .5rem 0; } .stopping .note { margin: 0; }
    button.danger { background: var(--bad); border-color: var(--bad); color: var(--paper); }
    .rank-state.tone-bad { color: var(--bad); font-weight: 600; } .rank-state.tone-waiting { color: var(--unsure); font-weight: 600; }
    .figures { display: flex; flex-wrap: wrap; gap: .6rem 1.8rem; margin: .6rem 0 0; }
    .figures div { min-width: 5.5rem; max-width: 15rem; }
    .figures dt { color: var(--soft); font-size: .8rem; } .figures dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; line-height: 1.3; }
    .figures dd.note { font-size: .8rem; margin: 0; }
    .scroll { overflow-x: auto; max-width: 100%; } .scroll + .plots { margin-top: 1rem; }
    table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
    th, td { text-align: left; padding: .3rem 1.1rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
    th { font-weight: 600; } tbody th { font-weight: 500; }
    tr.differs > * { background: var(--mark); }
    .numbers td { text-align: right; }
    .value { white-space: pre-wrap; overflow-wrap: anywhere; font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .85rem; }
    .wide { white-space: normal; }
    summary { cursor: pointer; } summary h2 { display: inline-block; margin: 1rem 0 .6rem; }
    .ranks { margin: .4rem 0; } .rank { display: flex; align-items: center; gap: .6rem; font-size: .85rem; }
    .rank span:empty { display: none; } .rank span { min-width: 3.6rem; }
    .parts { display: flex; flex: 1; height: 1.1rem; margin: .15rem 0; } .parts i { height: 100%; min-width: 0; }
    .part-forward { background: var(--p0); color: var(--p0); } .part-backward { background: var(--p5); color: var(--p5); }
    .part-reference { background: var(--p3); color: var(--p3); } .part-optimizer { background: var(--p2); color: var(--p2); }
    .part-data { background: var(--p4); color: var(--p4); } .part-communication { background: var(--p1); color: var(--p1); }
    .part-checkpoint { background: var(--p6); color: var(--p6); } .part-evaluation { background: var(--p7); color: var(--p7); } .part-rest { background: var(--edge); color: var(--edge); }
    .parts i { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    .gauge { display: inline-flex; gap: .6rem; align-items: center; } .gauge > b { font-weight: 400; min-width: 4rem; }
    .scale { position: relative; display: inline-block; width: 8rem; height: .7rem; background: linear-gradient(90deg, transparent calc(50% - 1px), var(--edge) 0 calc(50% + 1px), transparent 0), var(--line); border-radius: 3px; }
    .scale .extent { position: absolute; top: .2rem; height: .3rem; background: var(--p0); opacity: .5; }
    .scale .middle { position: absolute; top: 0; width: 3px; height: .7rem; margin-left: -1px; background: var(--p0); }
    .sample { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; margin: .6rem 0; break-inside: avoid; }
    .sample .prompt { color: var(--soft); font-size: .9rem; } .sample .prompt p { margin: .1rem 0; }
    .answers { display: grid; grid-template-columns: 1fr 1fr; gap: .4rem 1.2rem; margin-top: .4rem; }
    .answer { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
    .findings { padding: 0; list-style: none; margin: .4rem 0; }
    .findings li { border-left: 3px solid var(--edge); padding: .2rem .8rem; margin: .5rem 0; }
    .findings .problem { border-color: var(--bad); } .findings .warning { border-color: var(--unsure); }
    """

  private static let narrow = """
    @media (max-width: 40rem) {
      .answers { grid-template-columns: 1fr; }
      .toolbar { gap: .35rem .7rem; }
      .toolbar label span { font-size: .8rem; }
      .toolbar button, .toolbar select { padding: .2rem .45rem; }
      input[type=range] { width: 5.5rem; }
      h2 { margin-top: 1.3rem; }
      .figures { gap: .5rem 1.2rem; }
      .rank { flex-wrap: wrap; gap: 0 .6rem; } .parts { min-width: 60%; }
    }
    @media print {
      body { font-size: 11px; padding: 0; max-width: none; }
      .toolbar, .preferences, .connection, .stopping, p.note { display: none; }
      .plots { grid-template-columns: 1fr 1fr; gap: .5rem; }
      th, td { white-space: normal; }
    }
    """

  private static let colors = (0..<colorCount).map { index in
    "path.c\(index), circle.c\(index), line.c\(index) { stroke: var(--p\(index)); } path.band.c\(index) { fill: var(--p\(index)); } .swatch.c\(index) { color: var(--p\(index)); } "
      + "circle.c\(index).dot { fill: var(--p\(index)); stroke: var(--panel); }"
  }.joined(separator: "\n")
}
