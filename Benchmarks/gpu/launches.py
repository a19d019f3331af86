"""Part: kernels per step, and the time in which the GPU is idle, for our program and plain PyTorch.

For our program: what `bench --json` reports (recorded passes and their kernels, the GPU's idle time by its own clock), and what NVIDIA's nsys reports where
it is installed. For plain PyTorch: PyTorch's profiler, which sees only its own process.
"""

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from budget import Budget
from measurement import Measurement
from processes import Failed, Stopped, run

sys.path.append(str(Path(__file__).resolve().parents[1] / "peers"))

from idle_time import idle


def launches(on: Measurement, budget: Budget, figures: dict) -> None:
    if on.device != "cuda":
        raise Failed("there is no GPU")
    batches = list(on.size.batches)
    batch = batches[len(batches) // 2]
    figures["batch"] = batch
    if nsys := shutil.which("nsys"):
        try:
            figures["ours"] = by_nsys(nsys, on, batch, budget)
        except (Failed, Stopped, sqlite3.Error) as error:
            figures["ours"] = f"nsys: {error}"
    else:
        figures["ours"] = "nsys is not installed; what `bench --json` counts stands beside the throughput"
    for name in ("plain", "padded"):
        if name not in on.peers.missing:
            try:
                [rate] = on.peers.measure(name, on.work, budget, 45, {batch: 4}, ["--profile", "4"]).values()
                figures[name] = rate.others
            except (Failed, Stopped, ValueError) as error:
                figures[name] = str(error)


def by_nsys(nsys: str, on: Measurement, batch: int, budget: Budget) -> dict:
    """The kernels of two runs of `bench`, one longer than the other: the difference belongs to the steps, without start and warm-up."""
    few, many = 4, 12
    counts = {}
    for steps in (few, many):
        report = on.work.folder / f"nsys-{steps}"
        command = [
            nsys, "profile", "--trace=cuda", "--cuda-graph-trace=node", "--sample=none", "--cpuctxsw=none", "--force-overwrite=true",
            f"--output={report}", str(on.program.path), "bench", "--json", "--shape", on.size.shape, "--batch-size", str(batch),
            "--steps", str(steps), "--max-length", str(on.size.max_length), "--ref-logps", "online", *on.work.bench_options,
            *on.program.options("bench", device=on.device, precision=on.precision)]
        run(command, budget, 40, on.program.environment).check()
        database = report.with_suffix(".sqlite")
        run([nsys, "export", "--type=sqlite", "--force-overwrite=true", f"--output={database}", f"{report}.nsys-rep"], budget, 30).check()
        counts[steps] = read_nsys(database)
    return {
        "kernels_per_step": (counts[many]["kernels"] - counts[few]["kernels"]) / (many - few),
        "launches_per_step": (counts[many]["launches"] - counts[few]["launches"]) / (many - few),
        "idle_fraction": counts[many]["idle_fraction"]}


def read_nsys(database: Path) -> dict:
    """Kernels, calls that launch a kernel or a graph, and the idle part of the time in the middle of the run."""
    with closing(sqlite3.connect(database)) as connection:
        tables = {name for [name] in connection.execute("select name from sqlite_master where type = 'table'")}
        if "CUPTI_ACTIVITY_KIND_KERNEL" not in tables:
            raise Failed("nsys recorded no kernels")
        kernels = connection.execute("select start, end from CUPTI_ACTIVITY_KIND_KERNEL").fetchall()
        calls = 0
        if "CUPTI_ACTIVITY_KIND_RUNTIME" in tables:
            [[calls]] = connection.execute(
                "select count(*) from CUPTI_ACTIVITY_KIND_RUNTIME join StringIds on nameId = id "
                "where value like '%LaunchKernel%' or value like '%GraphLaunch%'")
    # The middle fifth of all kernels, in order: after the start, and before what the run measures after its steps.
    kernels.sort()
    middle = kernels[len(kernels) * 2 // 5: len(kernels) * 3 // 5]
    return {"kernels": len(kernels), "launches": calls, "idle_fraction": idle(middle)}
