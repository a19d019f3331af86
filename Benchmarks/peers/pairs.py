"""Preference pairs as token ids, and a clock that waits for the device: what the peers have in common."""

import json
import time

import torch


def read(file: str) -> list[dict]:
    """The lines that `minimind-dpo data --dump` writes, without the pairs it drops."""
    with open(file, encoding="utf-8") as lines:
        return [row for row in map(json.loads, lines) if not row.get("dropped")]


def with_warm_up(rows: list[dict], batch: int, steps: int | None, warm_up: int) -> list[dict]:
    """The pairs of the first steps (all without a number), preceded by the pairs of the last of these steps, to warm up with.

    `minimind-dpo bench` warms up in the same way, so that all measure the same pairs.
    """
    measured = rows if steps is None else rows[: steps * batch]
    if steps is not None and len(measured) < steps * batch:
        raise SystemExit(f"{len(rows)} pairs, but {steps} steps of {batch} are to be measured")
    return (measured[-warm_up * batch:] if warm_up else []) + measured


def padded(rows: list[list[int]], width: int | None = None) -> torch.Tensor:
    """The rows, filled up with 0 on the right, to the longest or to a given width."""
    width = width or max(map(len, rows))
    return torch.tensor([row[:width] + [0] * (width - len(row)) for row in rows])


def now(device: torch.device) -> float:
    """Seconds on the clock, once the device has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def memory(device: torch.device) -> dict:
    """Peak memory of tensors on the device; nothing on a CPU, where the kernel counts."""
    return {"peak_memory_bytes": torch.cuda.max_memory_allocated(device)} if device.type == "cuda" else {}
