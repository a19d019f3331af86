"""The conversations of a preference file, tokenized by tokenizer-bench and by Hugging Face's tokenizers in turns; the same ids or an error.

    python3 tokenize_batch.py --program .build/release/tokenizer-bench --data dpo.jsonl --tokenizer minimind/model

needs the packages of Tools/reference/requirements.txt. Both get the same texts, which the chat template made, in one call for the whole
batch, and may use all cores (`TOKENIZERS_PARALLELISM=true`, as it is by default). Each has a pass over everything before the one that is timed. The ratio
is taken in each round.
"""

import argparse
import json
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
    peer = Tokenizer.from_file(str(Path(options.tokenizer) / "tokenizer.json"))

    def theirs() -> tuple[float, list[list[int]]]:
        peer.encode_batch(texts, add_special_tokens=False)
        started = time.perf_counter()
        encodings = peer.encode_batch(texts, add_special_tokens=False)
        seconds = time.perf_counter() - started
        return seconds, [encoding.ids for encoding in encodings]

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "texts.jsonl", Path(folder) / "ids.jsonl"
        source.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")

        def ours() -> tuple[float, list[list[int]]]:
            result = subprocess.run(
                [options.program, options.tokenizer, str(source), str(target)], capture_output=True, text=True)
            if result.returncode:
                sys.exit(result.stderr)
            return float(result.stdout), [json.loads(line) for line in target.open()]

        rounds = []
        for _ in range(options.rounds):
            (own, own_ids), (other, other_ids) = ours(), theirs()
            if own_ids != other_ids:
                sys.exit("the ids differ")
            rounds.append((own, other))
    ratios = [other / own for own, other in rounds]
    print(json.dumps({
        "texts": len(texts), "tokens": sum(map(len, own_ids)), "ours_seconds": statistics.median(r[0] for r in rounds),
        "tokenizers_seconds": statistics.median(r[1] for r in rounds), "speed_ratio": statistics.median(ratios),
        "least": min(ratios), "greatest": max(ratios),
    }))


if __name__ == "__main__":
    main()
