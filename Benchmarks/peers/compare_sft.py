"""minimind-dpo sft and TRL's SFTTrainer in turns, on the chosen sides of preference pairs: the same weights, token ids, targets and
precision (float32, CPU), one JSON object at the end.

    python3 compare_sft.py --program .build/release/minimind-dpo --data dpo.jsonl --tokenizer minimind/model

needs the packages of Tools/reference/requirements.txt. Our program and TRL alternate, and the ratio is taken within each round, so that
other load on the machine affects both; TRL's time is that of its fastest way of packing in the round (see trl_sft.py). The steps
are timed, not start-up; on a busy machine the time of the processor tells more (ours is that of all steps but the
first, the difference of two runs); tokens are those of the texts, padding not counted. Where TRL does not pack, the losses of all steps are
compared.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from compare import HERE, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--shape", default="minimind-3")
    parser.add_argument("--texts", type=int, default=64, help="the first so many whose pair is not dropped")
    parser.add_argument("--max-length", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=8, help="texts of a step")
    parser.add_argument("--ways", nargs="+", default=["padded:4:2", "padding_free:2:4", "bfd:1:4"])
    parser.add_argument("--mask", default="last-turns")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        model, pairs, texts = folder / "model", folder / "pairs.jsonl", folder / "texts.jsonl"
        run([options.program, "init", "--shape", options.shape, "--tokenizer", options.tokenizer, "--to", str(model)], 1)
        shape = ["--max-length", str(options.max_length), "--completion-mask", options.mask]
        dump, _, _ = run([options.program, "data", options.data, "--tokenizer", options.tokenizer, "--dump", "-", *shape], 1)
        kept = [row for row in map(json.loads, dump.splitlines()) if not row.get("dropped")][: options.texts]
        lines = Path(options.data).read_text(encoding="utf-8").splitlines()
        pairs.write_text("".join(lines[row["index"]] + "\n" for row in kept), encoding="utf-8")
        texts.write_text(
            "".join(json.dumps({"ids": row["chosen_ids"], "mask": row["chosen_mask"]}) + "\n" for row in kept),
            encoding="utf-8")
        tokens = sum(len(row["chosen_ids"]) for row in kept)

        def ours(*more: str) -> dict:
            output = folder / "ours"
            _, memory, processor = run(
                [options.program, "sft", "--from-preferences", "--model", str(model), "--train-data", str(pairs),
                 "--output-dir", str(output), "--overwrite-output-dir", "--batch-size", str(options.batch), "--no-shuffle",
                 "--logging-steps", "1", "--threads", str(options.threads), "--learning-rate", "2e-5", *shape, *more],
                options.threads)
            steps = [row for row in map(json.loads, (output / "metrics.jsonl").open()) if "loss" in row]
            return {"seconds": sum(row["time/step"] for row in steps), "memory": memory, "processor": processor,
                    "losses": [row["loss"] for row in steps]}

        def theirs(way: str) -> dict:
            text, memory, _ = run(
                [sys.executable, str(HERE / "trl_sft.py"), "--model", str(model), "--texts", str(texts), "--ways", way,
                 "--max-length", str(options.max_length), "--threads", str(options.threads)], options.threads)
            return json.loads(text.splitlines()[-1]) | {"memory": memory}

        rounds = []
        for number in range(options.rounds):
            found = {"ours": ours()} | {way: theirs(way) for way in options.ways}
            for name, value in found.items():
                print(f"round {number + 1}, {name}: {tokens / value['seconds']:.1f} tokens/s, {value['memory'] / 1e9:.2f} GB",
                      file=sys.stderr, flush=True)
            if len(kept) > options.batch:
                later = tokens - sum(len(row["chosen_ids"]) for row in kept[: options.batch])
                found["ours"]["processor"] -= ours("--max-steps", "1")["processor"]
                found["ours"]["processor_rate"] = later / found["ours"]["processor"]
            rounds.append(found)

        def comparable(way: str) -> bool:
            name, rows, accumulated = way.split(":")
            return name != "bfd" and int(rows) * int(accumulated) == options.batch

        differences = [abs(a - b) for way in options.ways if comparable(way)
                       for a, b in zip(rounds[0]["ours"]["losses"], rounds[0][way]["losses"], strict=True)]
        ratios = [min(r[way]["seconds"] for way in options.ways) / r["ours"]["seconds"] for r in rounds]
        print(json.dumps({
            "texts": len(kept), "tokens": tokens, "targets": sum(sum(row["chosen_mask"]) for row in kept),
            "batch": options.batch, "threads": options.threads,
            "ours_tokens_per_second": [tokens / r["ours"]["seconds"] for r in rounds],
            "trl_tokens_per_second": {way: [tokens / r[way]["seconds"] for r in rounds] for way in options.ways},
            "speed_ratio": statistics.median(ratios), "speed_ratios": ratios,
            "ours_tokens_per_processor_second": [r["ours"].get("processor_rate") for r in rounds],
            "trl_tokens_per_processor_second": {
                way: [tokens / r[way]["processor_seconds"] for r in rounds] for way in options.ways},
            "memory_ratio": statistics.median(
                r["ours"]["memory"] / min(r[way]["memory"] for way in options.ways) for r in rounds),
            "largest_loss_difference": max(differences, default=None),
        }))


if __name__ == "__main__":
    main()
