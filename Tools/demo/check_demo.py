#!/usr/bin/env python3
"""Proves that DPO works on Demo/, by a plain PyTorch loop over the `transformers` model that shares nothing with our trainer.

    python3 Tools/demo/check_demo.py [--threads 2] [--workers 1] [--set learning-rate=2e-4 …]

Reads the hyper-parameters from Demo/demo.yaml, trains, and prints before and after: held-out reward accuracy and margin, how often the
policy gives the chosen answer the higher log-probability, the style and correctness of greedy answers to the held-out prompts, and the
answers to Demo/prompts.jsonl. Exits with 1 if the outcome falls short of the demo's targets.
"""

import argparse
import json
import math
import random
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

from dialogue import POLITE, facts_asked, is_correct, style_of
from world import all_facts


def read_lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def tokenize(tokenizer, side: list[dict], shared: int, limit: int) -> tuple[list[int], int]:
    """Token ids of one side, and where its completion starts: after the shared messages and the assistant's header."""
    prompt = tokenizer.apply_chat_template(side[:shared], tokenize=False, add_generation_prompt=True)
    text = tokenizer.apply_chat_template(side, tokenize=False)
    assert text.startswith(prompt), "the template is not prefix-stable"
    start = len(tokenizer.encode(prompt, add_special_tokens=False))
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert ids[:start] == tokenizer.encode(prompt, add_special_tokens=False), "a token spans the end of the prompt"
    return ids[:limit], start


def tokenize_pairs(tokenizer, pairs: list[dict], limit: int) -> list[tuple]:
    rows = []
    for pair in pairs:
        shared = 0
        while pair["chosen"][shared] == pair["rejected"][shared]:
            shared += 1
        rows.append((tokenize(tokenizer, pair["chosen"], shared, limit), tokenize(tokenizer, pair["rejected"], shared, limit)))
    return rows


def log_probabilities(model, rows: list[tuple]) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of log-probabilities over the completions: of the chosen and of the rejected sides."""
    sides = [chosen for chosen, _ in rows] + [rejected for _, rejected in rows]
    width = max(len(ids) for ids, _ in sides)
    ids = torch.zeros(len(sides), width, dtype=torch.long)
    mask = torch.zeros(len(sides), width, dtype=torch.bool)
    for row, (tokens, start) in enumerate(sides):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, start : len(tokens)] = True
    inputs, targets, mask = ids[:, :-1], ids[:, 1:], mask[:, 1:]
    hidden = model.model(inputs).last_hidden_state  # padding on the right and causal attention: no attention mask needed
    token_logps = -F.cross_entropy(model.lm_head(hidden[mask]), targets[mask], reduction="none")
    sums = torch.zeros(len(sides)).index_add(0, mask.nonzero()[:, 0], token_logps)
    return sums[: len(rows)], sums[len(rows) :]


@torch.no_grad()
def evaluate(policy, reference, rows: list[tuple], beta: float) -> dict[str, float]:
    parts = [(*log_probabilities(policy, rows[at : at + 32]), *log_probabilities(reference, rows[at : at + 32])) for at in range(0, len(rows), 32)]
    chosen, rejected, reference_chosen, reference_rejected = (torch.cat(part) for part in zip(*parts, strict=True))
    margins = beta * ((chosen - reference_chosen) - (rejected - reference_rejected))
    return {
        "accuracy": (margins > 0).float().mean().item(),
        "margin": margins.mean().item(),
        "loss": F.softplus(-margins).mean().item(),
        "chosen reward": beta * (chosen - reference_chosen).mean().item(),
        "rejected reward": beta * (rejected - reference_rejected).mean().item(),
        "logp(chosen) > logp(rejected)": (chosen > rejected).float().mean().item(),
    }


@torch.no_grad()
def greedy(model, tokenizer, prompts: list[list[dict]]) -> list[str]:
    texts = [tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) for messages in prompts]
    answers = []
    for at in range(0, len(texts), 40):
        batch = tokenizer(texts[at : at + 40], return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
        output = model.generate(batch.input_ids, attention_mask=batch.attention_mask, max_new_tokens=128, do_sample=False)
        for ids in output[:, batch.input_ids.shape[1] :].tolist():
            answers.append(tokenizer.decode(ids[: ids.index(2) + 1] if 2 in ids else ids, skip_special_tokens=False))
    return answers


def judge(answers: list[str], prompts: list[list[dict]]) -> dict[str, float]:
    facts = all_facts()
    verdicts = [
        (style_of(text), is_correct(text, facts_asked(messages[-1]["content"], facts)), text.endswith("<|im_end|>"))
        for text, messages in zip(answers, prompts, strict=True)
    ]
    count = len(verdicts)
    return {
        "polite": sum(style == POLITE for style, _, _ in verdicts) / count,
        "rude": sum(style == "rude" for style, _, _ in verdicts) / count,
        "correct": sum(correct for _, correct, _ in verdicts) / count,
        "ended": sum(ended for _, _, ended in verdicts) / count,
    }


def schedule(name: str, step: int, total: int, warmup: int) -> float:
    """Factor of the learning rate at 0-based `step`, as in transformers."""
    if step < warmup:
        return step / warmup
    progress = (step - warmup) / max(1, total - warmup)
    return {"linear": 1 - progress, "cosine": 0.5 * (1 + math.cos(math.pi * progress)), "constant_with_warmup": 1.0, "constant": 1.0}[name]


def train(policy, reference, rows: list[tuple], options: dict, workers: int) -> None:
    batch = options["per-device-train-batch-size"] * options["gradient-accumulation-steps"] * workers
    epochs, beta = options["num-train-epochs"], options["beta"]
    total = epochs * math.ceil(len(rows) / batch)
    warmup = math.ceil(options["warmup-ratio"] * total)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=0.0, weight_decay=options["weight-decay"])
    rng, step = random.Random(options["seed"]), 0
    for epoch in range(epochs):
        order = rng.sample(rows, len(rows))
        for at in range(0, len(order), batch):
            part = order[at : at + batch]
            for group in optimizer.param_groups:
                group["lr"] = options["learning-rate"] * schedule(options["lr-scheduler-type"], step, total, warmup)
            with torch.no_grad():
                reference_chosen, reference_rejected = log_probabilities(reference, part)
            chosen, rejected = log_probabilities(policy, part)
            margins = beta * ((chosen - reference_chosen) - (rejected - reference_rejected))
            loss = F.softplus(-margins).mean()
            if step == 0 and abs(loss.item() - math.log(2)) > 1e-4:
                sys.exit(f"the first loss is {loss.item():.5f}, expected log 2 = 0.69315")
            optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), options["max-grad-norm"])
            optimizer.step()
            step += 1
            if step % options["logging-steps"] == 0 or step == total:
                accuracy = (margins > 0).float().mean().item()
                print(
                    f"  step {step}/{total}  loss {loss.item():.4f}  margin {margins.mean().item():.3f}  accuracy {accuracy:.2f}  "
                    f"grad_norm {norm.item():.2f}",
                    flush=True,
                )


def show(title: str, numbers: dict[str, float]) -> None:
    print(title + "  " + "  ".join(f"{name} {value:.3f}" for name, value in numbers.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=Path(__file__).resolve().parents[2] / "Demo")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="number of workers whose global batch is imitated")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="an option in place of demo.yaml's")
    parser.add_argument("--quick", action="store_true", help="no greedy answers to all held-out prompts")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    options = yaml.safe_load((arguments.demo / "demo.yaml").read_text(encoding="utf-8"))
    options |= {key: yaml.safe_load(value) for key, value in (item.split("=", 1) for item in arguments.set)}
    options = {key: float(value) if key in ("learning-rate", "beta") else value for key, value in options.items()}

    torch.manual_seed(options["seed"])
    tokenizer = AutoTokenizer.from_pretrained(arguments.demo)
    policy = AutoModelForCausalLM.from_pretrained(arguments.demo, dtype=torch.float32).eval()
    reference = AutoModelForCausalLM.from_pretrained(arguments.demo, dtype=torch.float32).eval().requires_grad_(False)
    train_pairs, eval_pairs = read_lines(arguments.demo / "train.jsonl"), read_lines(arguments.demo / "eval.jsonl")
    train_prompts = {json.dumps(pair["chosen"][:-1]) for pair in train_pairs}
    assert not any(json.dumps(pair["chosen"][:-1]) in train_prompts for pair in eval_pairs), "a held-out prompt occurs in train.jsonl"
    train_rows = tokenize_pairs(tokenizer, train_pairs, options["max-length"])
    eval_rows = tokenize_pairs(tokenizer, eval_pairs, options["max-length"])
    lengths = sorted(len(ids) for row in train_rows + eval_rows for ids, _ in row)
    completions = sorted(len(ids) - start for row in train_rows + eval_rows for ids, start in row)
    print(f"{len(train_rows)} training pairs, {len(eval_rows)} held out; {sum(len(ids) for row in train_rows for ids, _ in row)} training tokens")
    for name, counts in (("side", lengths), ("completion", completions)):
        print(f"tokens per {name}: {counts[0]} to {counts[-1]}, median {counts[len(counts) // 2]}")

    fixed = [row["messages"] for row in read_lines(arguments.demo / "prompts.jsonl")]
    held_out = [pair["chosen"][:-1] for pair in eval_pairs]
    reports = []
    seconds = processor_seconds = 0.0
    for moment in ("before", "after"):
        start, processor_start = time.monotonic(), time.process_time()
        if moment == "after":
            train(policy, reference, train_rows, options, arguments.workers)
        numbers = evaluate(policy, reference, eval_rows, options["beta"])
        seconds += time.monotonic() - start
        processor_seconds += time.process_time() - processor_start
        show(f"{moment}: held out:", numbers)
        if not arguments.quick:
            numbers |= judge(greedy(policy, tokenizer, held_out), held_out)
            show(f"{moment}: greedy answers:", {key: numbers[key] for key in ("polite", "rude", "correct", "ended")})
        answers = greedy(policy, tokenizer, fixed)
        for messages, text in zip(fixed, answers, strict=True):
            print(f"    {messages[-1]['content']}\n      → {text}")
        reports.append((numbers, [style_of(text) for text in answers]))
    print(f"training and two evaluations: {seconds:.1f} s on {arguments.threads} threads, {processor_seconds:.1f} s of processor time")

    (before, before_styles), (after, after_styles) = reports
    promises = {
        "the start is a coin flip": 0.4 <= before["logp(chosen) > logp(rejected)"] <= 0.6,
        "held-out reward accuracy above 0.9": after["accuracy"] > 0.9,
        "the margin grew": after["margin"] > 0.2,
        "the prompts' answers were rude": set(before_styles) == {"rude"},
        "and are polite": set(after_styles) == {"polite"},
    }
    for promise, kept in promises.items():
        print(("kept    " if kept else "BROKEN  ") + promise)
    sys.exit(0 if all(promises.values()) else 1)


if __name__ == "__main__":
    main()
