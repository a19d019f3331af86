"""How close `--dry-run` comes: its memory and time against a run's, for four configurations of the 64 M shape.

    python3 Benchmarks/estimates.py --model FOLDER --moe-model FOLDER --data PAIRS [--program PATH] [--steps 6] [--pairs 8]

FOLDER are models of MiniMind-3's shape and of its mixture of experts (`minimind-dpo init`), PAIRS a preference file. Each
configuration is estimated by `train --dry-run` and then run; memory is the peak of the process (VmHWM) as metrics.jsonl has it,
time the mean of the steps but the first, which touches all memory for the first time.
"""

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path


def figures(text: str) -> tuple[float, float]:
    """Megabytes and seconds of a step, out of what --dry-run prints."""
    memory = re.search(r"^memory +([\d,]+) MB", text, re.M)
    step = re.search(r": ([\d.]+) s a step", text)
    assert memory and step, text
    return float(memory[1].replace(",", "")), float(step[1])


def measured(folder: Path) -> tuple[float, float]:
    """The same of a run, out of its records."""
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [record for record in records if "time/step" in record]
    memory = max(record["memory/peak_bytes"] for record in steps) / 1e6
    return memory, sum(record["time/step"] for record in steps[1:]) / len(steps[1:])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--moe-model")
    parser.add_argument("--data", required=True)
    parser.add_argument("--program", default=".build/release/minimind-dpo")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--pairs", type=int, default=8, help="of a step")
    arguments = parser.parse_args()

    configurations = {
        "dense": ["--model", arguments.model],
        "gradient checkpointing": ["--model", arguments.model, "--gradient-checkpointing"],
        "LoRA, rank 16": ["--model", arguments.model, "--lora-r", "16"],
    }
    if arguments.moe_model:
        configurations["mixture of experts"] = ["--model", arguments.moe_model]
    print("| configuration | memory: estimate | run | ratio | seconds a step: estimate | run | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, options in configurations.items():
        with tempfile.TemporaryDirectory() as folder:
            command = [
                arguments.program, "train", *options, "--train-data", arguments.data, "--max-steps", str(arguments.steps),
                "--per-device-train-batch-size", str(arguments.pairs), "--logging-steps", "1", "--output-dir", f"{folder}/run"]
            estimate = subprocess.run([*command, "--dry-run"], check=True, capture_output=True, text=True).stdout
            subprocess.run(command, check=True, capture_output=True)
            (memory, step), (peak, seconds) = figures(estimate), measured(Path(folder) / "run")
        print(f"| {name} | {memory:.0f} MB | {peak:.0f} MB | {memory / peak:.3f} | {step:.2f} | {seconds:.2f} | {step / seconds:.3f} |",
              flush=True)


if __name__ == "__main__":
    main()
