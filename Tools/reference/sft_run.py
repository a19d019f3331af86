"""Supervised fine-tuning by `transformers`' model and loss, with PyTorch's AdamW.

    python3 Tools/reference/sft_run.py             takes some minutes and 3 GB
    python3 Tools/reference/sft_run.py --check     also runs the small model in float64, and prints the differences

The texts are the chosen sides of pairs that are there already, with their masks. Every text is a row of its own, padded on the
right; the loss is that of `transformers` (`ForCausalLMLoss` with `num_items_in_batch`): the sum over the target tokens of a
micro-batch over the number of target tokens of the whole step.

Writes, in Tests/TrainingTests/Goldens,

    dpo20/sft.json          20 steps over the pairs of `dpo_run.py`, four texts a micro-batch and two micro-batches a step, in order:
                            {options, steps: [{step, loss, grad_norm, learning_rate, mean_token_accuracy, entropy, targets}]}.
                            Accuracy and entropy are means over target tokens, as TRL's `SFTTrainer` logs the accuracy
    real_size_sft.json      20 steps of a 64 M model in float64, over two texts of `real_size_dpo.py` each, one micro-batch
"""

import copy
import json
import sys

import torch
from transformers import Qwen3ForCausalLM

from dpo_run import GOLDENS, padded
from tiny import TESTS, deterministic, write_json

SMALL = {
    "steps": 20, "batch_size": 4, "gradient_accumulation_steps": 2, "learning_rate": 2e-3, "warmup_steps": 2,
    "weight_decay": 0.01, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, "max_grad_norm": 1.0,
}
LARGE = SMALL | {"batch_size": 2, "gradient_accumulation_steps": 1, "learning_rate": 2e-5, "warmup_steps": 0}


def texts_of(pairs: list[dict]) -> list[dict]:
    return [{"ids": pair["chosen_ids"], "mask": pair["chosen_mask"]} for pair in pairs]


def labels_of(batch: list[dict]) -> torch.Tensor:
    """The ids of targets, −100 elsewhere."""
    rows = padded([text["ids"] for text in batch]).clone()
    return rows.masked_fill(padded([text["mask"] for text in batch]) == 0, -100)


def statistics(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    """How many targets are the most probable token, and the sum of the entropies of their predictions."""
    logits, targets = logits[:, :-1].detach().double(), labels[:, 1:]
    is_target = targets != -100
    logprobs = logits.log_softmax(-1)
    entropy = -(logprobs.exp() * logprobs).sum(-1)
    return ((logits.argmax(-1) == targets) & is_target).sum().item(), entropy[is_target].sum().item()


def train(initial, texts: list[dict], options: dict) -> dict:
    model = copy.deepcopy(initial).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=options["learning_rate"], betas=(options["adam_beta1"], options["adam_beta2"]),
        eps=options["adam_epsilon"], weight_decay=options["weight_decay"])
    size = options["batch_size"] * options["gradient_accumulation_steps"]
    epoch = [texts[start:start + size] for start in range(0, len(texts), size)]
    steps = []
    for number in range(options["steps"]):
        # `linear` with warm-up, as `transformers` has it.
        warmup, total = options["warmup_steps"], options["steps"]
        factor = number / warmup if number < warmup else (total - number) / max(1, total - warmup)
        rate = options["learning_rate"] * factor
        for group in optimizer.param_groups:
            group["lr"] = rate
        taken = epoch[number % len(epoch)]
        targets = sum(sum(text["mask"][1:]) for text in taken)
        loss, likeliest, entropy = 0.0, 0, 0.0
        optimizer.zero_grad()
        for start in range(0, len(taken), options["batch_size"]):
            batch = taken[start:start + options["batch_size"]]
            labels = labels_of(batch)
            out = model(
                input_ids=padded([text["ids"] for text in batch]), labels=labels, num_items_in_batch=targets,
                attention_mask=padded([[1] * len(text["ids"]) for text in batch]), use_cache=False)
            out.loss.backward()
            loss += out.loss.item()
            found = statistics(out.logits, labels)
            likeliest, entropy = likeliest + found[0], entropy + found[1]
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), options["max_grad_norm"]).item()
        optimizer.step()
        steps.append({
            "step": number + 1, "loss": loss, "grad_norm": norm, "learning_rate": rate,
            "mean_token_accuracy": likeliest / targets, "entropy": entropy / targets, "targets": targets})
        print(number + 1, f"loss {loss:.6f} norm {norm:.6f}", flush=True)
    return {"options": options, "steps": steps}


def small() -> None:
    initial = Qwen3ForCausalLM.from_pretrained(GOLDENS / "dpo20", dtype=torch.float32, attn_implementation="eager")
    texts = texts_of(json.loads((GOLDENS / "dpo20" / "pairs.json").read_text()))
    run = train(initial, texts, SMALL)
    write_json(GOLDENS / "dpo20" / "sft.json", run)
    if "--check" in sys.argv:
        exact = train(initial.double(), texts, SMALL)
        for key in ("loss", "grad_norm", "mean_token_accuracy", "entropy"):
            worst = max(abs(a[key] - b[key]) for a, b in zip(run["steps"], exact["steps"], strict=True))
            print(f"  {key:20} differs from float64 by at most {worst:.3g}")


def large() -> None:
    from real_size_dpo import POLICY_SEED, draw_pairs, model

    run = train(model(POLICY_SEED), texts_of(draw_pairs()), LARGE)
    write_json(TESTS / "TrainingTests" / "Goldens" / "real_size_sft.json", run)


if __name__ == "__main__":
    deterministic(0)
    small()
    large()
