import Foundation

extension Chart {
  /// Sizes in the units of the drawing, which the page scales to the room there is.
  private enum Layout {
    static let width = 440.0
    static let height = 250.0
    static let left = 50.0
    static let right = 10.0
    static let top = 10.0
    static let bottom = 26.0
  }

  /// The plot as an inline SVG element; colours come from the page's style sheet. Nil where nothing was measured.
  func svg() -> String? {
    guard let steps = stepRange, let values = valueRange else { return nil }
    let x = acrossAxis(steps)
    let y = Axis(covering: values, count: 4)
    let plot = Plot(x: x, y: y)
    let parts =
      [
        "<svg viewBox=\"0 0 \(Self.text(Layout.width)) \(Self.text(Layout.height))\" role=\"img\" "
          + "aria-label=\"\(HTML.escape(title))\">"
      ]
      + y.ticks.map { plot.horizontal(at: $0, label: y.label($0)) }
      + acrossTicks(x).map { plot.stepLabel($0.label, at: $0.place) }
      + [landmark.map { y.range.contains($0.value) ? plot.landmark($0) : "" } ?? ""]
      + series.map { curve($0, in: plot) } + tooltips(in: plot) + ["</svg>"]
    return parts.filter { !$0.isEmpty }.joined(separator: "\n")
  }

  private func acrossAxis(_ steps: ClosedRange<Double>) -> Axis {
    if case .steps = over { return Axis(covering: steps, count: 5, isWhole: true, isTight: true) }
    // Some room on both sides, so that no bar lies on the frame.
    let room = max(0.05, (steps.upperBound - steps.lowerBound) * 0.06)
    return Axis(covering: steps.lowerBound - room...steps.upperBound + room, count: 5, isTight: true)
  }

  private func acrossTicks(_ axis: Axis) -> [(place: Double, label: String)] {
    if case .steps = over { return axis.ticks.map { ($0, axis.label($0)) } }
    return Set(series.flatMap(\.points).map(\.x)).sorted().map { ($0, HumanText.short(pow(10, $0))) }
  }

  private func curve(_ series: Series, in plot: Plot) -> String {
    let style = "c\(series.color % ReportStyle.colorCount)" + (series.isDashed ? " dashed" : "")
    if case .logarithms = over {
      return plot.path(series.points, style: style + " thin")
        + series.points.map { point in
          (point.interval.map { plot.bar(at: point.x, $0, style: style) } ?? "")
            + plot.circle(point, style: style + " open")
        }.joined()
    }
    if series.isEvaluation {
      let finite = series.points.filter(\.y.isFinite)
      return plot.path(series.points, style: style + " thin")
        + finite.thinned(to: 50).map { plot.circle($0, style: style + " open") }.joined()
    }
    guard isSmoothed(series) else { return plot.path(series.points.thinned(to: 250), style: style) }
    let mean = series.points.smoothed(window: series.points.count / 15)
    return (showsRecords ? plot.path(series.points.thinned(to: 250), style: style + " faint") : "")
      + plot.path(mean.thinned(to: 250), style: style)
  }

  /// Invisible vertical bands that show the values at their step when pointed at.
  private func tooltips(in plot: Plot) -> [String] {
    let steps = Set(series.flatMap(\.points).map(\.x)).sorted()
    let count = min(steps.count, 80)
    guard count > 0 else { return [] }
    let anchors = (0..<count).map { steps[count == 1 ? 0 : $0 * (steps.count - 1) / (count - 1)] }
    let byStep = series.map { series in Dictionary(series.points.map { ($0.x, $0.y) }) { $1 } }
    return anchors.indices.map { index in
      let step = anchors[index]
      let from = index == 0 ? plot.left : (plot.across(anchors[index - 1]) + plot.across(step)) / 2
      let to = index == count - 1 ? plot.right : (plot.across(step) + plot.across(anchors[index + 1])) / 2
      let lines = zip(series, byStep).compactMap { series, values in
        values[step].map { "\(series.name): \(format($0))" }
      }
      let place =
        switch over {
        case .steps: "step \(HumanText.grouped(Int(step)))"
        case .logarithms(let name): "\(name) \(HumanText.short(pow(10, step)))"
        }
      let title = HTML.escape(([place] + lines).joined(separator: "\n"))
      return plot.band(from: from, to: to, title: title)
    }
  }

  fileprivate static func text(_ number: Double) -> String { HumanText.fixed(number, 1) }

  /// Maps values to places and writes the elements.
  private struct Plot {
    let x: Axis
    let y: Axis
    let left = Layout.left
    let right = Layout.width - Layout.right
    let top = Layout.top
    let bottom = Layout.height - Layout.bottom

    func across(_ step: Double) -> Double { left + x.position(step) * (right - left) }
    func down(_ value: Double) -> Double { bottom - y.position(value) * (bottom - top) }

    func horizontal(at value: Double, label: String) -> String {
      let height = Chart.text(down(value))
      return "<line class=\"grid\" x1=\"\(text(left))\" x2=\"\(text(right))\" y1=\"\(height)\" y2=\"\(height)\"/>"
        + "<text class=\"tick\" text-anchor=\"end\" x=\"\(text(left - 6))\" y=\"\(text(down(value) + 4))\">"
        + "\(HTML.escape(label))</text>"
    }

    func stepLabel(_ label: String, at step: Double) -> String {
      let place = across(step)
      // The outermost labels would be cut off if they were centred.
      let anchor = place > right - 16 ? "end" : place < left + 8 ? "start" : "middle"
      return "<text class=\"tick\" text-anchor=\"\(anchor)\" x=\"\(text(place))\" y=\"\(text(bottom + 17))\">"
        + "\(HTML.escape(label))</text>"
    }

    func landmark(_ landmark: Landmark) -> String {
      let height = down(landmark.value)
      let below = height < top + 20
      return "<line class=\"landmark\" x1=\"\(text(left))\" x2=\"\(text(right))\" y1=\"\(text(height))\" "
        + "y2=\"\(text(height))\"/><text class=\"tick landmark-label\" text-anchor=\"end\" x=\"\(text(right - 2))\" "
        + "y=\"\(text(below ? height + 14 : height - 5))\">\(HTML.escape(landmark.label))</text>"
    }

    func path(_ points: [Point], style: String) -> String {
      var commands = ""
      var isDrawing = false
      var isAlone = false
      for point in points {
        guard point.y.isFinite else {
          if isAlone { commands += "h0.1" }
          isDrawing = false
          isAlone = false
          continue
        }
        commands += "\(isDrawing ? "L" : "M")\(text(across(point.x))),\(text(down(point.y)))"
        isAlone = !isDrawing
        isDrawing = true
      }
      // A single point between gaps would otherwise be invisible.
      if isAlone { commands += "h0.1" }
      return commands.isEmpty ? "" : "<path class=\"\(style)\" d=\"\(commands)\"/>"
    }

    func bar(at place: Double, _ interval: ClosedRange<Double>, style: String) -> String {
      let (low, high) = (text(down(interval.lowerBound)), text(down(interval.upperBound)))
      return "<path class=\"\(style)\" d=\"M\(text(across(place))),\(low)V\(high)\"/>"
    }

    func circle(_ point: Point, style: String) -> String {
      "<circle class=\"\(style)\" cx=\"\(text(across(point.x)))\" cy=\"\(text(down(point.y)))\" r=\"3.5\"/>"
    }

    func band(from: Double, to: Double, title: String) -> String {
      "<rect class=\"band\" x=\"\(text(from))\" width=\"\(text(to - from))\" y=\"\(text(top))\" "
        + "height=\"\(text(bottom - top))\"><title>\(title)</title></rect>"
    }

    private func text(_ number: Double) -> String { Chart.text(number) }
  }
}
