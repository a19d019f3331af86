"""Intervals of accuracies: Wilson's from statsmodels, bootstrap intervals from SciPy.

    pip install statsmodels==0.15.0 scipy==1.17.1    # needed by this script alone
    python Tools/reference/intervals.py

Writes Tests/ObservabilityTests/IntervalGoldens.swift, which holds as JSON:

wilson      successes, trials, and the ends that statsmodels' proportion_confint(method="wilson") gives
bootstrap   differences of a few units (with weights for a ratio), and the ends of SciPy's percentile interval over
            200,000 draws, at the level that Hesterberg (2015, section 5.3) widens 95 % to, with Student's quantile from SciPy
tails       that level's tail, alpha', for some numbers of units
"""
import json
import pathlib

import numpy
import scipy.stats
from statsmodels.stats.proportion import proportion_confint

FILE = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "ObservabilityTests" / "IntervalGoldens.swift"


def lines(rows):
    """A list as JSON, an element a line, numbers to ten digits."""
    def short(value):
        return [short(one) for one in value] if isinstance(value, list) else float(f"{value:.10g}")
    return "[\n" + ",\n".join(json.dumps({key: short(value) for key, value in row.items()}) for row in rows) + "]"


def tail(units):
    reach = numpy.sqrt(units / (units - 1)) * scipy.stats.t.ppf(0.975, units - 1)
    return float(scipy.stats.norm.cdf(-reach))


def bootstrap(differences, weights=None):
    differences = numpy.asarray(differences)
    weights = numpy.ones(len(differences)) if weights is None else numpy.asarray(weights)

    def mean(differences, weights, axis=-1):
        return differences.sum(axis=axis) / weights.sum(axis=axis)

    found = scipy.stats.bootstrap(
        (differences, weights), mean, paired=True, vectorized=True, n_resamples=200_000, batch=10_000,
        confidence_level=1 - 2 * tail(len(differences)), method="percentile",
        random_state=numpy.random.default_rng(7)).confidence_interval
    return {
        "differences": differences.tolist(), "weights": weights.tolist(),
        "value": float(mean(differences, weights)), "low": float(found.low), "high": float(found.high)}


def main():
    random = numpy.random.default_rng(1)
    trials = [(0, 1), (1, 1), (0, 12), (12, 12), (3, 7), (53, 100), (0.5, 3), (50, 100), (155, 160), (4_700, 10_000)]
    wilson = []
    for successes, count in trials:
        low, high = proportion_confint(successes, count, alpha=0.05, method="wilson")
        wilson.append({"successes": successes, "trials": count, "low": float(low), "high": float(high)})
    samples = [
        (numpy.round(random.normal(0.3, 1, 25), 3), None),
        (random.choice([-1.0, 0.0, 0.5, 1.0], 60), None),
        (numpy.round(random.exponential(1, 40), 3), None),
        (numpy.round(random.normal(2, 30, 30), 2), random.integers(5, 300, 30).astype(float)),
    ]
    golden = {
        "wilson": wilson,
        "bootstrap": [bootstrap(differences, weights) for differences, weights in samples],
        "tails": [{"units": units, "tail": tail(units)} for units in (5, 10, 40, 160, 5000)],
    }
    text = "{" + ",\n".join(f'"{name}": {lines(rows)}' for name, rows in golden.items()) + "}"
    FILE.write_text(
        "// Written by Tools/reference/intervals.py.\n// swift-format-ignore-file\n\n"
        "enum IntervalGoldens {\n  static let json = #\"\"\"\n"
        + "".join(f"    {line}\n" for line in text.splitlines()) + '    """#\n}\n')


if __name__ == "__main__":
    main()
