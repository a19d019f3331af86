"""Seconds from the command to the first step: of `train`, with tokens cached by an earlier start and without.

    python3 startup.py --program .build/release/minimind-dpo --data dpo.jsonl --tokenizer minimind/model

The clock starts with the process and stops at the last line of the banner; a tenth of a second of measuring products and the first step follow. The
program is then killed.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--shape", default="minimind-3")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        model, output, cache = (Path(folder) / name for name in ("model", "run", "tokens"))
        subprocess.run(
            [options.program, "init", "--shape", options.shape, "--tokenizer", options.tokenizer, "--to", str(model)],
            check=True, capture_output=True)

        def start() -> float:
            shutil.rmtree(output, ignore_errors=True)
            started = time.perf_counter()
            process = subprocess.Popen(
                [options.program, "train", "--model", str(model), "--train-data", options.data, "--output-dir",
                 str(output), "--token-cache", str(cache)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
            try:
                for line in process.stderr:
                    if "learning rate:" in line:
                        return time.perf_counter() - started
            finally:
                process.kill()
                process.wait()
            raise SystemExit("the program ended before its first step")

        def without_tokens() -> float:
            shutil.rmtree(cache, ignore_errors=True)
            return start()

        cold = [without_tokens() for _ in range(options.rounds)]
        kept = [start() for _ in range(options.rounds)]
    print(json.dumps({
        "seconds_with_kept_tokens": statistics.median(kept), "least": min(kept), "greatest": max(kept),
        "seconds_without": statistics.median(cold)}))


if __name__ == "__main__":
    main()
