"""Part: pairs per second compared with the peers, in turns, on the same pairs, batches and precision; and the MFU.

A round is our program and then each peer, with all batch sizes; ratios are taken within a round, so that other load on the machine affects all alike.
There are as many rounds as time allows.
"""

import statistics
import time

from budget import Budget
from measurement import Measurement
from processes import Failed, Stopped

# In pairs/s, against each peer.
TARGETS = {"padded": 10.0, "trl": 4.0}
UTILIZATION = 0.35


def throughput(on: Measurement, budget: Budget, figures: dict) -> None:
    figures["rounds"] = rounds = []
    figures["messages"] = [f"{name}: {reason}" for name, reason in on.peers.missing.items()]
    longest = 0.0
    for number in range(on.size.rounds):
        if number and budget.left < 1.15 * longest:
            figures["messages"].append(f"{number} of {on.size.rounds} rounds; there was no time for another")
            break
        begin = time.monotonic()
        rounds.append({})
        measure_round(on, budget, rounds[-1], figures["messages"])
        longest = max(longest, time.monotonic() - begin)
    compare_losses(on, budget, figures)
    summarize(on, figures)


def measure_round(on: Measurement, budget: Budget, results: dict, messages: list[str]) -> None:
    results["ours"] = {}
    for batch, steps in on.size.batches.items():
        try:
            results["ours"][batch] = on.program.bench(
                on.work.bench_options, budget, 60, shape=on.size.shape, precision=on.precision, batch=batch, steps=steps,
                max_length=on.size.max_length, warm_up=max(on.size.warm_up, 8 if on.device == "cuda" else 1))
        except (Failed, Stopped) as error:
            messages.append(f"ours, {batch} pairs: {error}")
    for name in on.peer_names:
        if name in on.peers.missing:
            continue
        try:
            results[name] = {
                batch: {"pairs_per_second": rate.pairs_per_second, "peak_memory_bytes": rate.peak_memory, "losses": rate.losses,
                        "model": rate.model}
                for batch, rate in on.peers.measure(name, on.work, budget, 75).items()}
            if missed := set(on.size.batches) - set(results[name]):
                messages.append(f"{name}: not measured with {sorted(missed)} pairs; it failed there or its time was up")
        except (Failed, Stopped) as error:
            messages.append(f"{name}: {error}")


def compare_losses(on: Measurement, budget: Budget, figures: dict) -> None:
    """Shows that all do the same work: a run of our program over the pairs in the peers' order."""
    batch, steps = list(on.size.batches.items())[len(on.size.batches) // 2]
    first = figures["rounds"][0]
    if on.work.bench_options[0] != "--train-data" or not any(batch in first.get(name, {}) for name in on.peer_names):
        return
    lines = on.work.pairs.read_text(encoding="utf-8").splitlines(keepends=True)[: batch * steps]
    ordered = on.work.folder / "ordered.jsonl"
    ordered.write_text("".join(lines[-on.size.warm_up * batch:] + lines), encoding="utf-8")
    try:
        rows = on.program.train(
            on.work.model, ordered, budget, 40, device=on.device, precision=on.precision, batch=batch,
            steps=steps + on.size.warm_up, max_length=on.size.max_length, learning_rate=1e-6)
    except (Failed, Stopped) as error:
        figures["messages"].append(f"losses beside the peers': {error}")
        return
    ours = [row["loss"] for row in rows]
    figures["losses"] = {"batch": batch, "ours": ours}
    for name in on.peer_names:
        theirs = first.get(name, {}).get(batch, {}).get("losses")
        if not theirs:
            continue
        # TRL logs means of a few steps.
        group = on.peers.trl_logging if name == "trl" else 1
        means = [statistics.mean(ours[at: at + group]) for at in range(0, len(theirs) * group, group)]
        differences = [abs(a - b) for a, b in zip(means, theirs)]
        figures["losses"][name] = {"mean_difference": statistics.mean(differences), "largest_difference": max(differences)}


def summarize(on: Measurement, figures: dict) -> None:
    """Medians over the rounds, by batch size, and the targets."""
    table = figures["table"] = []
    for batch in on.size.batches:
        ours = [r["ours"][batch] for r in figures["rounds"] if batch in r["ours"]]
        if not ours:
            continue
        speed = statistics.median(row["pairs_per_second"] for row in ours)
        row = {
            "batch": batch, "ours": speed, "tokens_per_second": statistics.median(r["tokens_per_second"] for r in ours),
            "peak_memory_bytes": max(r.get("peak_memory_bytes", 0) for r in ours)}
        row |= utilization(on, ours)
        for name in ("replayed_passes_per_step", "replayed_kernels_per_step", "idle_fraction"):
            if values := [r[name] for r in ours if r.get(name) is not None]:
                row[name] = statistics.median(values)
        row["peers"] = {}
        for name in on.peer_names:
            both = [(r["ours"][batch], r[name][batch]) for r in figures["rounds"] if batch in r["ours"] and batch in r.get(name, {})]
            if not both:
                continue
            ratios = [own["pairs_per_second"] / other["pairs_per_second"] for own, other in both]
            row["peers"][name] = {
                "pairs_per_second": statistics.median(other["pairs_per_second"] for _, other in both),
                "ratio": statistics.median(ratios), "ratios": ratios, "peak_memory_bytes": both[0][1]["peak_memory_bytes"],
                "model": both[0][1]["model"]}
        table.append(row)
    if on.is_dry:
        return
    for name, target in TARGETS.items():
        if best := [row["peers"][name]["ratio"] for row in table if name in row["peers"]]:
            on.check(f"pairs/s over {name}'s, least of all batch sizes", min(best), f"≥ {target:g}", min(best) >= target)
    if parts := [row["utilization"] for row in table if row.get("utilization")]:
        on.check("utilisation, best of all batch sizes", max(parts), f"≥ {UTILIZATION:g}", max(parts) >= UTILIZATION)


def utilization(on: Measurement, ours: list[dict]) -> dict:
    """MFU over two peaks: the one that the program measured, and PyTorch's."""
    operations = statistics.median(row["gflops"] for row in ours) * 1e9
    figures = {"utilization": statistics.median(row["utilization"] for row in ours)}
    for name in ("feed_forward", "large"):
        if peak := on.ceiling.get(f"{on.precision}_{name}"):
            figures[f"utilization_{name}"] = operations / peak
    return figures
