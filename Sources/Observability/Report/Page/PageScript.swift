/// The script of the report's page: ECMAScript 2020 without libraries. It draws what a ``ReportModel`` holds, and draws again
/// what is replaced through `report.update`, so that the same page can follow a run.
enum PageScript {
  /// All of it. The parts share one function's scope and come in the order in which they build on each other.
  ///
  /// - Parameter isLive: whether the page follows runs, and so asks a server
  static func text(isLive: Bool) -> String {
    let parts = [
      elements, numbers, series, plot, drawing, pointing, sections, tables, controls, live, page, updating,
    ]
    return (["(() => {\n\"use strict\";"] + parts + (isLive ? [server] : []) + ["})();"]).joined(separator: "\n")
  }
}
