"""Part: the GPU computes what the CPU does, and bf16 learns as fp32 does.

Three comparisons: the tests that compare kernels and gradients between devices; loss and gradient norm of a few training steps on both; and
the losses of a longer run in both precisions.
"""

import statistics

from budget import Budget
from measurement import Measurement
from processes import Failed, Stopped
from tests import run_tests
from workload import DEMO

# Against the CPU in float32; largest relative error of a gradient norm.
LIMITS = {"fp32": 1e-4, "bf16": 1e-2}
# Of a step's loss, which starts at log 2 = 0.693.
MEAN_DIFFERENCE = 0.01
LEARNING_RATE = 1e-6


def agreement(on: Measurement, budget: Budget, figures: dict) -> None:
    problems = []
    for look in (device_tests, steps, curves):
        try:
            look(on, budget, figures)
        except (Failed, Stopped) as error:
            problems.append(f"{look.__name__}: {error}")
    if problems:
        raise Failed("; ".join(problems))


def device_tests(on: Measurement, budget: Budget, figures: dict) -> None:
    """The tests whose names contain "Device", before all others."""
    if on.tests:
        figures["device_tests"] = found = run_tests(on, budget, 60, "Device")
        on.check("tests of devices: failed", found["failed"], "0", found["passed"] > 0 and found["code"] == 0)


def steps(on: Measurement, budget: Budget, figures: dict) -> None:
    """The same steps on the CPU and on the device."""
    size = on.size

    def train(device: str, precision: str) -> list[dict]:
        return on.program.train(
            on.work.model, on.work.pairs, budget, 60, device=device, precision=precision, batch=size.agreement_batch,
            steps=size.agreement_steps, max_length=size.agreement_length, learning_rate=LEARNING_RATE)

    reference = train("cpu", "fp32")
    figures["steps"] = {"cpu": [(row["loss"], row["grad_norm"]) for row in reference]}
    for precision in ["fp32"] if on.is_dry else ["fp32", "bf16"]:
        other = train(on.device, precision)
        norms = [abs(a["grad_norm"] - b["grad_norm"]) / b["grad_norm"] for a, b in zip(other, reference, strict=True)]
        losses = [abs(a["loss"] - b["loss"]) for a, b in zip(other, reference, strict=True)]
        figures["steps"][f"{on.device} {precision}"] = {
            "steps": [(row["loss"], row["grad_norm"]) for row in other], "first_norm_difference": norms[0],
            "largest_norm_difference": max(norms), "largest_loss_difference": max(losses)}
        limit = LIMITS[precision]
        on.check(f"{precision}: gradient norm beside the CPU's, first step", norms[0], f"≤ {limit:g}", norms[0] <= limit)
        on.check(f"{precision}: the same, largest of {len(norms)} steps", max(norms), f"≤ {limit:g}", max(norms) <= limit)
        on.check(f"{precision}: loss beside the CPU's, largest difference", max(losses), f"≤ {limit:g}", max(losses) <= limit)


def curves(on: Measurement, budget: Budget, figures: dict) -> None:
    """The same run in both precisions: of the 64 M model, and of the demo's, which is trained and really learns."""
    figures["curves"] = {}
    size = on.size
    for name, model, pairs, batch, rate in [
        ("random weights", on.work.model, on.work.pairs, 4, 5e-6),
        ("the demo", DEMO, DEMO / "train.jsonl", 8, 1e-4),
    ]:
        losses = {}
        for precision in ["fp32"] if on.is_dry else ["fp32", "bf16"]:
            rows = on.program.train(
                model, pairs, budget, 60, device=on.device, precision=precision, batch=batch, steps=size.curve_steps,
                max_length=size.max_length, learning_rate=rate)
            losses[precision] = [row["loss"] for row in rows]
        if "bf16" not in losses:
            figures["curves"][name] = losses | {"message": "a dry run has no bf16 to compare"}
            continue
        differences = [abs(a - b) for a, b in zip(losses["bf16"], losses["fp32"], strict=True)]
        tail = max(1, len(differences) // 10)
        figures["curves"][name] = losses | {
            "mean_difference": statistics.mean(differences), "largest_difference": max(differences),
            "last_tenth": {key: statistics.mean(values[-tail:]) for key, values in losses.items()}}
        mean = statistics.mean(differences)
        on.check(f"{name}: {len(differences)} steps' losses, bf16 beside fp32, mean difference", mean, f"≤ {MEAN_DIFFERENCE:g}",
                 mean <= MEAN_DIFFERENCE)
