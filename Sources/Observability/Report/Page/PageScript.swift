/// The script of the report's page: ECMAScript 2020 without libraries. It draws what a ``ReportModel`` holds, and draws again
/// what is replaced through `report.update`, so that the same page can follow a run.
enum PageScript {
  /// All of it. The parts share one function's scope and come in the order in which they build on each other.
  static let text = [
    "(() => {\n\"use strict\";", elements, numbers, series, plot, drawing, pointing, sections, tables, controls, live,
    page, updating,
    start, "})();",
  ].joined(separator: "\n")
}
