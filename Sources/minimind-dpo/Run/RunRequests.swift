import Training

/// What a run may be asked for from outside while it goes on.
struct RunRequests {
  /// To end after the current step.
  var stop = StopRequest()
  /// To save a checkpoint after the current step, and go on.
  var save = SaveRequest()
  /// Its time; nil without a limit, and on all ranks but the first.
  var limit: TimeLimit?
}
