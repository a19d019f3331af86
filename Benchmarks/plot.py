"""Draws what the benchmarks measured: results/*.json to plots/*.svg.

    python3 plot.py

needs matplotlib.
"""

import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "minimind-dpo", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
from matplotlib import pyplot as plt

HERE = Path(__file__).resolve().parent
OURS, PEER = "#2f6f9f", "#b8b8b8"


def read(name: str) -> dict:
    return json.loads((HERE / "results" / name).read_text(encoding="utf-8"))


def is_measured(name: str) -> bool:
    return (HERE / "results" / name).exists()


def save(figure, name: str) -> None:
    (HERE / "plots").mkdir(exist_ok=True)
    figure.tight_layout()
    figure.savefig(HERE / "plots" / name, metadata={"Date": None})
    plt.close(figure)


def peers() -> None:
    """Pairs per second and memory, compared with TRL."""
    kinds = [kind for kind in ("online", "cached") if is_measured(f"trl-{kind}.json")]
    figure, (speed, memory) = plt.subplots(1, 2, figsize=(8, 3))
    for axis, title, ours, theirs, scale in [
        (speed, "pairs/s", "ours_pairs_per_second", "trl_pairs_per_second", 1),
        (memory, "peak memory, GB", "ours_memory_bytes", "trl_memory_bytes", 1e9),
    ]:
        for place, results in enumerate(read(f"trl-{kind}.json") for kind in kinds):
            for shift, key, color, name in [(-0.2, ours, OURS, "minimind-dpo"), (0.2, theirs, PEER, "TRL")]:
                values = results[key] if isinstance(results[key], list) else [results[key]]
                value = sum(values) / len(values) / scale
                bar = axis.bar(place + shift, value, 0.38, color=color, label=name if place == 0 else None)
                axis.bar_label(bar, [f"{value:.2f}"], fontsize=9)
        axis.set_xticks(range(len(kinds)), [f"reference {kind}" for kind in kinds])
        axis.set_xlim(-0.8, len(kinds) - 0.2)
        axis.set_title(title)
    speed.legend(frameon=False)
    save(figure, "trl.svg")


def scaling() -> None:
    """Weak-scaling efficiency of two processes, by pairs per process and step."""
    figure, axis = plt.subplots(figsize=(4, 3))
    for place, batch in enumerate((4, 8)):
        row = read(f"scaling-batch-{batch}.json")["scaling"][-1]
        low, middle, high = row["efficiency_least"], row["efficiency"], row["efficiency_greatest"]
        axis.bar(place, middle, 0.5, color=OURS, yerr=[[middle - low], [high - middle]], capsize=4)
        axis.annotate(f"{middle:.3f}", (place, 0.05), ha="center", color="white")
    axis.axhline(1, color="black", linewidth=0.8)
    axis.set_xticks([0, 1], ["4 pairs each", "8 pairs each"])
    axis.set_title("two processes: efficiency against one")
    save(figure, "scaling.svg")


if __name__ == "__main__":
    peers()
    scaling()
