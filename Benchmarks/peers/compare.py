"""minimind-dpo and TRL's DPOTrainer in turns: the same weights, token ids, batches and precision (float32, CPU), one JSON object at the end.

    python3 compare.py --program .build/release/minimind-dpo --data dpo.jsonl --tokenizer minimind/model

needs the packages of Tools/reference/requirements.txt. Our program and the peer alternate, and the ratio is taken within each round, so that
other load on the machine affects both. The steps are timed (data, reference, forward, backward, clipping, optimizer), not start-up; memory is the
largest resident set of the whole process, as counted by the kernel. On a busy machine the time of the processor tells more; ours is
that of all steps but the first, the difference of two runs. With --cached, both compute the reference's log-probabilities before
the timed steps.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(command: list[str], threads: int) -> tuple[str, int, float]:
    """Standard output, and what only waiting for this one child reports: the largest resident set in bytes, seconds of the
    processor."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as messages:
        process = subprocess.Popen(command, stdout=output, stderr=messages, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0), messages.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command)}\nended with {process.returncode}:\n{messages.read()[-3000:]}")
        return output.read(), usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--shape", default="minimind-3")
    parser.add_argument("--pairs", type=int, default=64, help="the first so many that are not dropped")
    parser.add_argument("--max-length", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cached", action="store_true")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model, pairs, ids = folder / "model", folder / "pairs.jsonl", folder / "ids.jsonl"
        run([options.program, "init", "--shape", options.shape, "--tokenizer", options.tokenizer, "--to", str(model)], 1)
        # Of a mixture of experts, the load-balancing loss that TRL has: over all layers together.
        config = json.loads((model / "config.json").read_text(encoding="utf-8"))
        config.pop("router_aux_loss_per_layer", None)
        (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
        shape = ["--max-length", str(options.max_length)]
        dump, *_ = run([options.program, "data", options.data, "--tokenizer", options.tokenizer, "--dump", "-", *shape], 1)
        kept = [row for row in map(json.loads, dump.splitlines()) if not row.get("dropped")][: options.pairs]
        lines = Path(options.data).read_text(encoding="utf-8").splitlines()
        pairs.write_text("".join(lines[row["index"]] + "\n" for row in kept), encoding="utf-8")
        ids.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")

        def tokens(rows: list[dict]) -> int:
            return sum(len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in rows)

        def ours(*more: str) -> dict:
            output = folder / "ours"
            _, memory, processor = run(
                [options.program, "train", "--model", str(model), "--train-data", str(pairs), "--output-dir", str(output),
                 "--overwrite-output-dir", "--batch-size", str(options.batch), "--no-shuffle", "--logging-steps", "1",
                 "--ref-logps", "cache" if options.cached else "online", "--threads", str(options.threads),
                 "--learning-rate", "1e-6", *shape, *more], options.threads)
            steps = [row for row in map(json.loads, (output / "metrics.jsonl").open()) if "loss" in row]
            return {"pairs": len(kept), "seconds": sum(row["time/step"] for row in steps), "memory": memory,
                    "processor_seconds": processor,
                    "losses": [row["loss"] for row in steps]}

        def theirs() -> dict:
            text, memory, _ = run(
                [sys.executable, str(HERE / "trl_dpo.py"), "--model", str(model), "--pairs", str(ids), "--batch",
                 str(options.batch), "--threads", str(options.threads), *(["--cached"] if options.cached else [])],
                options.threads)
            return json.loads(text.splitlines()[-1]) | {"memory": memory}

        rounds = []
        for number in range(options.rounds):
            pair = {}
            for name, measure in [("ours", ours), ("trl", theirs)]:
                pair[name] = measure()
                rate = pair[name]["pairs"] / pair[name]["seconds"]
                print(f"round {number + 1}, {name}: {rate:.3f} pairs/s, {pair[name]['memory'] / 1e9:.2f} GB", file=sys.stderr)
            if len(kept) > options.batch:
                # A step's share of the processor's time, without start-up.
                first = ours("--max-steps", "1")
                later = pair["ours"]["processor_seconds"] - first["processor_seconds"]
                pair["ours"]["processor_seconds"] = later * tokens(kept) / tokens(kept[options.batch:])
                pair["processor_ratio"] = pair["trl"]["processor_seconds"] / pair["ours"]["processor_seconds"]
            rounds.append(pair)

        worst = max(abs(a - b) for a, b in zip(rounds[0]["ours"]["losses"], rounds[0]["trl"]["losses"], strict=True))
        speeds = [r["trl"]["seconds"] / r["ours"]["seconds"] for r in rounds]
        memories = [r["ours"]["memory"] / r["trl"]["memory"] for r in rounds]
        print(json.dumps({
            "pairs": len(kept), "batch": options.batch, "threads": options.threads, "cached": options.cached,
            "ours_pairs_per_second": [r["ours"]["pairs"] / r["ours"]["seconds"] for r in rounds],
            "trl_pairs_per_second": [r["trl"]["pairs"] / r["trl"]["seconds"] for r in rounds],
            "processor_ratios": [r.get("processor_ratio") for r in rounds],
            "processor_seconds": [[r[name]["processor_seconds"] for name in ("ours", "trl")] for r in rounds],
            "speed_ratio": statistics.median(speeds), "speed_ratios": speeds, "memory_ratio": statistics.median(memories),
            "ours_memory_bytes": max(r["ours"]["memory"] for r in rounds),
            "trl_memory_bytes": max(r["trl"]["memory"] for r in rounds), "largest_loss_difference": worst,
        }))


if __name__ == "__main__":
    main()
