"""How long training stands still for a checkpoint, as a part of the time of 50 steps.

    python3 Benchmarks/checkpoints.py --model FOLDER --data dpo.jsonl [--program .build/release/minimind-dpo]

Trains the same steps in turns without checkpoints, with checkpoints that are written while training goes on (the default), and
with --no-async-save. What a run says itself, metrics.jsonl's time/checkpoint and the totals' checkpoint_seconds, is the time that
training stood still. What is written beside the steps takes cores from them as well: the seconds of the processor that a
checkpoint costs, all in all, are the processor time of such a run minus that of the one without, over its checkpoints.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile

PERIOD = 50


def run(arguments, more, folder):
    """Trains, and returns its records, its totals and its seconds of the processor."""
    output = folder / "out"
    shutil.rmtree(output, ignore_errors=True)
    command = [
        arguments.program, "train", "--model", arguments.model, "--train-data", arguments.data, "--output-dir", str(output),
        "--max-steps", str(arguments.steps), "--per-device-train-batch-size", str(arguments.batch), "--logging-steps", "1",
        "--ref-logps", "online", "--token-cache", "off", "--threads", str(arguments.threads), *more,
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    records = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    size = sum(file.stat().st_size for checkpoint in output.glob("checkpoint-*") for file in checkpoint.iterdir())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [record for record in records if "loss" in record], records[-1], cpu, size


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=".build/release/minimind-dpo")
    parser.add_argument("--model", required=True, help="a folder with the model and its tokenizer")
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--every", type=int, default=2, help="steps between two checkpoints")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()

    saving = ["--save-steps", str(arguments.every), "--save-total-limit", "1"]
    ways = {"none": [], "beside": saving, "waiting": saving + ["--no-async-save"]}
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {arguments.threads} threads")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for number in range(arguments.rounds):
            found = {way: run(arguments, more, folder) for way, more in ways.items()}
            # The first step warms up.
            step = statistics.median(record["time/step"] for record in found["none"][0][1:])
            print(f"round {number + 1}: {step:.2f} s a step, {PERIOD * step:.0f} s for {PERIOD}; load {os.getloadavg()[0]:.1f}")
            for way in ["beside", "waiting"]:
                records, totals, cpu, size = found[way]
                count = totals["checkpoints"]
                stall = totals["checkpoint_seconds"] / count
                each = ", ".join(f"{record['time/checkpoint']:.2f}" for record in records if "time/checkpoint" in record)
                extra = (cpu - found["none"][2]) / count
                print(
                    f"  {way:8} {count} checkpoints of {size / 1e6:.0f} MB: training stands still {stall:.2f} s for each "
                    f"({each}; the last one is waited for at the end): {100 * stall / (PERIOD * step):.2f} % at --save-steps "
                    f"{PERIOD}; {extra:.1f} s of the processor each"
                )


main()
