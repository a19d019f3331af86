"""Measures minimind-dpo on this machine's GPUs, part by part, within a time budget; Benchmarks/gpu/run starts it.

    Benchmarks/gpu/run [BUNDLE] [--data dpo.jsonl --tokenizer FOLDER] [--only PART …]
    Benchmarks/gpu/run --program .build/release/minimind-dpo --dry-run-cpu

The most important parts come first. Each has a time limit; a part that no longer fits is skipped and reported. Each writes a JSON
file in $OUT (default: gpu-results), and at the end there are summary.json and summary.md, which also goes to standard output.
Without --data, pairs are looked for in the folder `shared` in or beside the checkout, else the demo's and made-up pairs are used.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from agreement import agreement
from budget import Budget
from environment import environment
from launches import launches
from measurement import Measurement
from peers import Peers, first_device
from processes import Failed, Stopped
from program import Program
from ranks import ranks
from summary import markdown
from tests import tests
from throughput import throughput
from workload import DRY, FULL, data_of, find_shared, prepare


@dataclass(frozen=True)
class Part:
    run: Callable[[Measurement, Budget, dict], None]
    # Seconds that it needs at least, and the most that it gets.
    least: float
    limit: float

    @property
    def name(self) -> str:
        return self.run.__name__


PARTS = [
    Part(environment, 5, 110), Part(agreement, 20, 130), Part(throughput, 40, 210), Part(ranks, 15, 50), Part(launches, 15, 60),
    Part(tests, 30, 500),
]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="Benchmarks/gpu/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", default="gpu-bundle", help="the folder that `make gpu-bundle` makes")
    parser.add_argument("--program", help="a build of the program to measure instead; no tests are run then")
    parser.add_argument("--data", help="preference pairs, JSON lines; needs --tokenizer")
    parser.add_argument("--tokenizer", help="the folder with tokenizer.json")
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16", help="of the throughput (default: bf16)")
    parser.add_argument("--budget", type=float, help="seconds for all parts together, 520 at most (default: 510; on a dry run 115)")
    parser.add_argument("--only", nargs="+", metavar="PART", choices=[part.name for part in PARTS], help="these parts only")
    parser.add_argument("--wheels", help="a folder of wheels with TRL, for a machine without a network")
    parser.add_argument("--dry-run-cpu", action="store_true", help="try the script without a GPU: tiny shapes, fp32, two minutes")
    chosen = parser.parse_args()
    if (chosen.data is None) != (chosen.tokenizer is None):
        parser.error("--data and --tokenizer belong together")
    return chosen


def executable(folder: str, names: list[str]) -> Path | None:
    return next((path for name in names if os.access(path := Path(folder).resolve() / name, os.X_OK) and path.is_file()), None)


def measure(on: Measurement, parts: list[Part], budget: Budget, out: Path) -> dict:
    """Runs the parts, and writes the results of each as soon as it is done."""
    results: dict[str, dict] = {}
    for part in parts:
        results[part.name] = entry = {"status": "skipped", "message": "", "figures": {}}
        begin = time.monotonic()
        if budget.left < part.least:
            entry["message"] = f"{budget.left:.0f} s were left, and it needs {part.least:.0f} s at least"
        else:
            print(f"{part.name} ({budget.left:.0f} s left) …", file=sys.stderr)
            try:
                part.run(on, budget.part(part.limit), entry["figures"])
                entry["status"] = "done"
            except Stopped as error:
                entry |= {"status": "stopped", "message": str(error)}
            except SystemExit:
                entry |= {"status": "stopped", "message": "the script was told to end"}
                budget.end = 0
            except Failed as error:
                entry |= {"status": "failed", "message": str(error)}
            except Exception as error:  # An error in one part must not lose the others' results.
                entry |= {"status": "failed", "message": f"{type(error).__name__}: {error}"}
        entry["seconds"] = round(time.monotonic() - begin, 1)
        print(f"  {entry['status']} after {entry['seconds']:.0f} s. {entry['message'].strip()[:600]}", file=sys.stderr)
        (out / f"{part.name}.json").write_text(json.dumps(entry, indent=1, default=str), encoding="utf-8")
    return results


def main() -> int:
    chosen = options()
    budget = Budget(min(chosen.budget or (115 if chosen.dry_run_cpu else 510), 520))
    # A request to stop reaches the part that is running; its command is ended first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    out = Path(os.environ.get("OUT") or "gpu-results")
    out.mkdir(parents=True, exist_ok=True)
    path = Path(chosen.program).resolve() if chosen.program else executable(chosen.bundle, ["minimind-dpo", "run"])
    if path is None or not path.is_file():
        print(f"no program in {chosen.bundle}; `make gpu-bundle` makes that folder, or name a build with --program", file=sys.stderr)
        return 66
    device = "cpu" if chosen.dry_run_cpu else "cuda"
    precision = "fp32" if chosen.dry_run_cpu else chosen.precision
    size = DRY if chosen.dry_run_cpu else FULL
    threads = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="minimind-dpo-gpu-") as folder:
        shared = find_shared()
        # So the bundle's scripts use this interpreter's PyTorch, and the tests use this data.
        environment = {"PYTHON": sys.executable} | ({"MINIMIND_SHARED": str(shared)} if shared else {})
        program = Program(path, Path(folder), device, environment)
        try:
            if chosen.data:
                data = Path(chosen.data), Path(chosen.tokenizer)
            else:
                data = data_of(shared) if shared and not chosen.dry_run_cpu else None
            work = prepare(program, size, data, chosen.dry_run_cpu, budget)
        except (Failed, Stopped, OSError) as error:
            print(f"the model and the pairs could not be made: {error}", file=sys.stderr)
            return 70
        on = Measurement(
            program=program, peers=Peers(Path(folder), device, precision, first_device(), threads), work=work,
            tests=None if chosen.program else executable(chosen.bundle, ["run-tests", "tests"]), device=device, precision=precision,
            one_device=first_device(), is_dry=chosen.dry_run_cpu, wheels=chosen.wheels,
            pip_seconds=15 if chosen.dry_run_cpu else 60, threads=threads)
        parts = [part for part in PARTS if chosen.only is None or part.name in chosen.only or part.run is environment]
        results = measure(on, parts, budget, out)
    checks = [dict(zip(("what", "value", "wanted", "met"), row)) for row in on.checks]
    left_out = sorted(program.left_out)
    (out / "summary.json").write_text(
        json.dumps({"checks": checks, "options_left_out": left_out, "parts": results}, indent=1, default=str), encoding="utf-8")
    text = markdown(results, on.checks, left_out, chosen.dry_run_cpu)
    (out / "summary.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
