"""The conversations of a preference file, tokenized by tokenizer-bench and by Hugging Face's tokenizers in turns; the same ids or an error.

    python3 tokenize_batch.py --program .build/release/tokenizer-bench --data dpo.jsonl --tokenizer minimind/model

needs the packages of Tools/reference/requirements.txt. Both get the same texts, rendered by the chat template, in one call for the whole
batch, and may use all cores (`TOKENIZERS_PARALLELISM=true`, the default). Two passes of a new process are timed: the first
with empty caches, as at every start of a program, and one more. The ratio is taken within each round.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "true"
os.environ["HF_HUB_OFFLINE"] = "1"

from tokenizers import Tokenizer
from transformers import AutoTokenizer


def theirs(file: str, texts: list[str]) -> tuple[list[float], list[list[int]]]:
    tokenizer = Tokenizer.from_file(file)
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
        seconds.append(time.perf_counter() - started)
    return seconds, [encoding.ids for encoding in encodings]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    template = AutoTokenizer.from_pretrained(options.tokenizer)
    texts = [
        template.apply_chat_template(record[side], tokenize=False)
        for record in map(json.loads, open(options.data, encoding="utf-8")) for side in ("chosen", "rejected")]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "texts.jsonl", Path(folder) / "ids.jsonl"
        source.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")

        def ours() -> tuple[list[float], list[list[int]]]:
            result = subprocess.run(
                [options.program, options.tokenizer, str(source), str(target)], capture_output=True, text=True)
            if result.returncode:
                sys.exit(result.stderr)
            return json.loads(result.stdout), [json.loads(line) for line in target.open()]

        rounds = []
        for _ in range(options.rounds):
            own, own_ids = ours()
            # A process of its own, so that its threads and its cache are new as well.
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                other, other_ids = pool.apply(theirs, (str(Path(options.tokenizer) / "tokenizer.json"), texts))
            if own_ids != other_ids:
                sys.exit("the ids differ")
            rounds.append((own, other))
    figures = {"texts": len(texts), "tokens": sum(map(len, own_ids))}
    for number, name in enumerate(("first_pass", "second_pass")):
        ratios = [other[number] / own[number] for own, other in rounds]
        figures[name] = {
            "ours_seconds": statistics.median(own[number] for own, _ in rounds),
            "tokenizers_seconds": statistics.median(other[number] for _, other in rounds),
            "speed_ratio": statistics.median(ratios), "least": min(ratios), "greatest": max(ratios)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
