#!/usr/bin/env python3
"""Makes four pairs of every prompt of a preference file, from its two answers and two more that are made of their halves.

python3 four_pairs.py dpo.jsonl four.jsonl
"""
import json
import sys


def main(source, destination):
    with open(source, encoding="utf-8") as lines, open(destination, "w", encoding="utf-8") as output:
        for line in lines:
            pair = json.loads(line)
            prompt = pair["chosen"][:-1]
            first, second = (pair[side][-1]["content"] for side in ("chosen", "rejected"))
            if prompt != pair["rejected"][:-1] or min(len(first), len(second)) < 40:
                continue
            third = second[:len(second) // 2] + first[len(first) // 2:]
            fourth = first[:len(first) // 2] + second[len(second) // 2:]
            for chosen, rejected in ((first, second), (first, third), (first, fourth), (fourth, second)):
                sides = {"chosen": chosen, "rejected": rejected}
                made = {side: prompt + [{"role": "assistant", "content": text}] for side, text in sides.items()}
                output.write(json.dumps(made, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:3])
