#!/usr/bin/env python3
"""Tokens per second of `minimind-dpo serve`: one request at a time, and many at once.

    python3 Benchmarks/serving.py --program .build/release/minimind-dpo --model FOLDER [--concurrent 32] [--tokens 128]

Needs nothing but Python. Every answer has the same number of tokens: random weights hardly ever end one. One request and
many take turns, three rounds; what counts is the ratio within a round.
"""

import argparse
import http.client
import json
import statistics
import subprocess
import threading
import time


def ask(port, number, tokens):
    """One whole answer; returns how many tokens it has."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    body = {"model": "model", "seed": number, "max_tokens": tokens, "temperature": 0.85, "top_p": 0.95,
            "messages": [{"role": "user", "content": f"Question {number}: why is the sky blue? 天空为什么是蓝色的？"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    reply = json.loads(connection.getresponse().read())
    return reply["usage"]["completion_tokens"]


def measure(port, count, tokens):
    """Tokens per second of some requests at once."""
    made = [0] * count

    def work(index):
        made[index] = ask(port, index, tokens)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(made) / (time.monotonic() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--concurrent", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("more", nargs="*", help="further options of serve, after --")
    given = parser.parse_args()
    server = subprocess.Popen(
        [given.program, "serve", "--model", "model=" + given.model, "--port", "0", "--lang", "en", *given.more],
        stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        port = int(line.split("http://127.0.0.1:")[1].split("/")[0])
        measure(port, 1, 8)
        ratios = []
        for number in range(given.rounds):
            one = measure(port, 1, given.tokens)
            many = measure(port, given.concurrent, given.tokens)
            ratios.append(many / one)
            print(f"round {number + 1}: 1 request {one:.1f} tokens/s, {given.concurrent} at once {many:.1f}: {many / one:.2f}×",
                  flush=True)
        print(f"median ratio {statistics.median(ratios):.2f}")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
