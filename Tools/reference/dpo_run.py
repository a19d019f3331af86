"""A DPO run in plain PyTorch, written from the definitions, and learning-rate schedules.

    python3 Tools/reference/dpo_run.py              writes the goldens
    python3 Tools/reference/dpo_run.py --check      also runs float64 and TRL's DPOTrainer, and prints the differences

Writes Tests/TrainingTests/Goldens/dpo20/{config.json, model.safetensors, pairs.json, trajectory.json,
trajectory_smoothed.json}, dpo20_qwen2/{config.json, model.safetensors, trajectory.json} (the same pairs, a model with
biases) and Tests/TrainingTests/Goldens/schedules.json.

The two sides of a pair run separately and padded on the right; nothing is shared. A step takes the next
`batch_size · gradient_accumulation_steps` pairs in file order, wrapping around (48 pairs: six steps of eight are an
epoch). Its loss is the mean over these pairs of

    −(1 − ε) log σ(βΔ) − ε log σ(−βΔ),   Δ = (log π_c − log π_r) − (log ref_c − log ref_r),

each log-probability a sum over the side's target tokens (mask 1 on the token that is predicted). The reference is the
model as it was before the first step, unless another is given. Then: the norm of the whole gradient, clipping, AdamW, schedule. In the
trajectory, `grad_norm` is before clipping and `learning_rate` the one that the step used; the metrics are means over
the step's pairs. While policy and reference are equal (steps 1 and 2 of trajectory.json, since the warm-up starts at
rate 0) the reward accuracy is a tie and says nothing.
"""

import copy
import json
import math
import sys

import torch
import torch.nn.functional as F
from transformers import (
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    get_constant_schedule,
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_cosine_with_min_lr_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

from models import rope, write_config
from tiny import TESTS, deterministic, draw_weights, weights_of, write_json, write_tensors

GOLDENS = TESTS / "TrainingTests" / "Goldens"
VOCABULARY, PAIRS = 320, 48

LINEAR = {
    "steps": 20, "batch_size": 4, "gradient_accumulation_steps": 2, "learning_rate": 1e-3,
    "lr_scheduler_type": "linear", "warmup_steps": 2, "weight_decay": 0.01, "label_smoothing": 0.0,
    "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, "max_grad_norm": 1.0, "beta": 0.1,
}
SMOOTHED = LINEAR | {
    "steps": 7, "batch_size": 2, "gradient_accumulation_steps": 3, "lr_scheduler_type": "cosine", "warmup_steps": 0,
    "weight_decay": 0.0, "label_smoothing": 0.1, "learning_rate": 3e-3,
}


# MARK: - Data


def draw_pairs(generator: torch.Generator) -> list[dict]:
    """Pairs of every awkward kind. The chosen answers prefer the lower half of the vocabulary, so that there is
    something to learn; a tenth of their tokens, and of the rejected ones', comes from the other half."""

    def number(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=generator))

    def run(length: int, lower: bool | None = None) -> list[int]:
        half = VOCABULARY // 2
        ids = torch.randint(0, VOCABULARY if lower is None else half, (length,), generator=generator)
        if lower is not None:
            swapped = torch.rand(length, generator=generator) < 0.1
            ids = torch.where(swapped == lower, ids + half, ids)
        return ids.tolist()

    shapes = [(number(4, 60), number(1, 50), number(1, 50)) for _ in range(PAIRS)]
    shapes[0] = (1, 30, 22)  # the shortest prefix
    shapes[3] = (60, 50, 50)  # the longest of all
    shapes[5] = (24, 17, 0)  # an empty tail on one side; its targets lie in the shared prefix
    shapes[6] = (18, 0, 26)
    shapes[9] = (33, 1, 1)
    shapes[10] = (12, 9, 0)
    shapes[13] = (1, 1, 1)
    shapes[14] = (60, 1, 50)
    pairs = []
    for index, (shared, chosen, rejected) in enumerate(shapes):
        prefix = run(shared)
        tails = [run(chosen, lower=True), run(rejected, lower=False)]
        if chosen and rejected and tails[0][0] == tails[1][0]:
            tails[1][0] = (tails[1][0] + 1) % VOCABULARY
        masks = []
        prefix_mask = [0] * shared
        if index % 3 == 2 or index in (6, 10):  # a conversation: earlier answers in the shared prefix are targets too
            start = shared // 3 + 1
            stop = shared if index % 2 else 2 * shared // 3 + 1
            prefix_mask[start:stop] = [1] * (stop - start)
        for tail in tails:
            mask = [1] * len(tail)
            if index % 4 == 1 and len(tail) > 8:  # a question between two answers, different on the two sides
                mask[len(tail) // 3 : len(tail) // 2] = [0] * (len(tail) // 2 - len(tail) // 3)
            if index % 8 == 7 and len(tail) > 4:  # the first differing tokens belong to the question
                mask[:3] = [0] * 3
            masks.append(prefix_mask + mask)
        pairs.append({
            "index": index, "chosen_ids": prefix + tails[0], "rejected_ids": prefix + tails[1],
            "chosen_mask": masks[0], "rejected_mask": masks[1],
        })
    check_pairs(pairs, shapes)
    return pairs


def check_pairs(pairs: list[dict], shapes: list[tuple]) -> None:
    for pair, (shared, _, _) in zip(pairs, shapes, strict=True):
        chosen, rejected = pair["chosen_ids"], pair["rejected_ids"]
        common = next((i for i, (a, b) in enumerate(zip(chosen, rejected)) if a != b), min(len(chosen), len(rejected)))
        assert common == shared and chosen != rejected
        assert pair["chosen_mask"][0] == 0 == pair["rejected_mask"][0], "the first token cannot be a target"
        assert pair["chosen_mask"][:shared] == pair["rejected_mask"][:shared]
        assert any(pair["chosen_mask"]) and any(pair["rejected_mask"])
        assert any(pair["chosen_mask"][shared:]) or any(pair["rejected_mask"][shared:])
    assert sum(sum(pair["chosen_mask"][:shape[0]]) > 0 for pair, shape in zip(pairs, shapes)) >= 12


def padded(rows: list[list[int]]) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


# MARK: - The run


def sequence_logprobs(model, pairs: list[dict], side: str) -> torch.Tensor:
    """log π(targets of this side), one number a pair: the sum over the tokens whose mask is 1."""
    ids = padded([pair[f"{side}_ids"] for pair in pairs])
    mask = padded([pair[f"{side}_mask"] for pair in pairs])
    real = padded([[1] * len(pair[f"{side}_ids"]) for pair in pairs])
    logits = model(input_ids=ids, attention_mask=real, use_cache=False).logits[:, :-1]
    logprobs = logits.log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    return (logprobs * mask[:, 1:]).sum(-1)


def scheduler_for(options: dict, optimizer):
    kinds = {"linear": get_linear_schedule_with_warmup, "cosine": get_cosine_schedule_with_warmup}
    return kinds[options["lr_scheduler_type"]](
        optimizer, num_warmup_steps=options["warmup_steps"], num_training_steps=options["steps"])


def train(initial, pairs: list[dict], options: dict, reference=None) -> dict:
    policy, reference = copy.deepcopy(initial).train(), copy.deepcopy(reference or initial).eval()
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=options["learning_rate"], betas=(options["adam_beta1"], options["adam_beta2"]),
        eps=options["adam_epsilon"], weight_decay=options["weight_decay"], foreach=False)
    scheduler = scheduler_for(options, optimizer)
    beta, smoothing, batch = options["beta"], options["label_smoothing"], options["batch_size"]
    whole = batch * options["gradient_accumulation_steps"]
    steps = []
    for step in range(options["steps"]):
        dealt = [pairs[(step * whole + i) % len(pairs)] for i in range(whole)]
        records = []
        for start in range(0, whole, batch):
            micro = dealt[start : start + batch]
            policy_chosen, policy_rejected = (sequence_logprobs(policy, micro, s) for s in ("chosen", "rejected"))
            with torch.no_grad():
                ref_chosen, ref_rejected = (sequence_logprobs(reference, micro, s) for s in ("chosen", "rejected"))
            z = beta * ((policy_chosen - policy_rejected) - (ref_chosen - ref_rejected))
            losses = -(1 - smoothing) * F.logsigmoid(z) - smoothing * F.logsigmoid(-z)
            (losses.sum() / whole).backward()
            records.append(torch.stack([
                losses, beta * (policy_chosen - ref_chosen), beta * (policy_rejected - ref_rejected),
                policy_chosen, policy_rejected]).detach().double())
        gradient_norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), options["max_grad_norm"], foreach=False)
        rate = scheduler.get_last_lr()[0]
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        loss, reward_chosen, reward_rejected, logp_chosen, logp_rejected = torch.cat(records, dim=1)
        steps.append({
            "step": step + 1, "loss": loss.mean().item(), "grad_norm": gradient_norm.item(), "learning_rate": rate,
            "rewards/chosen": reward_chosen.mean().item(), "rewards/rejected": reward_rejected.mean().item(),
            "rewards/margins": (reward_chosen - reward_rejected).mean().item(),
            "rewards/accuracies": (reward_chosen > reward_rejected).double().mean().item(),
            "logps/chosen": logp_chosen.mean().item(), "logps/rejected": logp_rejected.mean().item(),
        })
    before, after = weights_of(initial), weights_of(policy)
    return {
        "options": options, "steps": steps,
        "parameter_norms": {name: tensor.double().norm().item() for name, tensor in after.items()},
        "update_norms": {name: (after[name].double() - before[name].double()).norm().item() for name in after},
    }


# MARK: - Schedules


def schedule(kind: str, total: int, warmup: int, base: float, min_rate: float) -> list[float]:
    """The learning rate of optimizer steps 1…total."""
    if kind == "minimind":  # set before step s, counted from 1
        return [base * (0.1 + 0.45 * (1 + math.cos(math.pi * s / total))) for s in range(1, total + 1)]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
    scheduler = {
        "linear": lambda: get_linear_schedule_with_warmup(optimizer, warmup, total),
        "cosine": lambda: get_cosine_schedule_with_warmup(optimizer, warmup, total),
        "cosine_with_min_lr": lambda: get_cosine_with_min_lr_schedule_with_warmup(
            optimizer, warmup, total, min_lr_rate=min_rate),
        "constant": lambda: get_constant_schedule(optimizer),
        "constant_with_warmup": lambda: get_constant_schedule_with_warmup(optimizer, warmup),
    }[kind]()
    rates = []
    for _ in range(total):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


def write_schedules() -> None:
    entries = []
    for kind in ("linear", "cosine", "cosine_with_min_lr", "constant", "constant_with_warmup", "minimind"):
        settings = [(20, 2), (20, 0), (7, 3), (1, 0), (5, 5)]
        if kind in ("constant", "minimind"):  # these know no warm-up
            settings = [(20, 0), (7, 0), (1, 0)]
        for total, warmup in settings:
            for min_rate in (0.1, 0.25) if kind == "cosine_with_min_lr" else (0.0,):
                base = 5e-6 if total == 7 else 1e-3
                entry = {"lr_scheduler_type": kind, "total_steps": total, "warmup_steps": warmup,
                         "learning_rate": base, "rates": schedule(kind, total, warmup, base, min_rate)}
                if kind == "cosine_with_min_lr":
                    entry["min_lr_rate"] = min_rate
                entries.append(entry)
    write_json(GOLDENS / "schedules.json", entries, indent=None)


# MARK: - Checks that need more than the definitions


def compare(name: str, ours: dict, theirs: list[dict]) -> None:
    print(name)
    for key in ("loss", "grad_norm", "learning_rate", "rewards/chosen", "rewards/rejected", "rewards/margins",
                "logps/chosen", "logps/rejected", "rewards/accuracies"):
        worst = max(abs(a[key] - b[key]) for a, b in zip(ours["steps"], theirs, strict=True))
        print(f"  {key:20} differs by at most {worst:.3g}")


def trl_run(initial, pairs: list[dict], options: dict) -> list[dict]:
    """TRL's DPOTrainer on the same ids and masks. Its `sigmoid` loss ignores label smoothing."""
    import logging
    import tempfile

    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    logging.disable(logging.WARNING)
    assert options["label_smoothing"] == 0

    class Collator:
        def __call__(self, examples):
            sides = [(e[f"{side}_ids"], e[f"{side}_mask"]) for side in ("chosen", "rejected") for e in examples]
            return {"input_ids": padded([ids for ids, _ in sides]), "completion_mask": padded([m for _, m in sides]),
                    "attention_mask": padded([[1] * len(ids) for ids, _ in sides])}

    class Trainer(DPOTrainer):
        def _prepare_dataset(self, dataset, *_):
            return dataset

        def get_decay_parameter_names(self, model):  # the Trainer's own choice spares the norms
            return [name for name, _ in model.named_parameters()]

        def _get_train_sampler(self, *_):
            return torch.utils.data.SequentialSampler(self.train_dataset)

    class Rates(TrainerCallback):
        def __init__(self):
            self.rates = []

        def on_pre_optimizer_step(self, args, state, control, optimizer=None, **_):
            self.rates.append(optimizer.param_groups[0]["lr"])

    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(VOCABULARY)}, unk_token="t0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="t0", eos_token="t2", unk_token="t0")
    with tempfile.TemporaryDirectory() as folder:
        rates = Rates()
        trainer = Trainer(
            model=copy.deepcopy(initial), ref_model=copy.deepcopy(initial), processing_class=tokenizer,
            data_collator=Collator(), callbacks=[rates],
            train_dataset=Dataset.from_list([pair | {"prompt": "", "chosen": "", "rejected": ""} for pair in pairs]),
            args=DPOConfig(
                folder, max_steps=options["steps"], per_device_train_batch_size=options["batch_size"],
                gradient_accumulation_steps=options["gradient_accumulation_steps"], beta=options["beta"],
                learning_rate=options["learning_rate"], lr_scheduler_type=options["lr_scheduler_type"],
                warmup_steps=options["warmup_steps"], weight_decay=options["weight_decay"],
                max_grad_norm=options["max_grad_norm"], optim="adamw_torch", logging_steps=1, save_strategy="no",
                report_to="none", use_cpu=True, bf16=False, gradient_checkpointing=False, disable_tqdm=True,
                remove_unused_columns=False, dataloader_pin_memory=False, logging_nan_inf_filter=False))
        trainer.train()
    records = [record for record in trainer.state.log_history if "loss" in record]
    return [record | {"learning_rate": rate} for record, rate in zip(records, rates.rates, strict=True)]


def write_model_with_biases(pairs: list[dict]) -> None:
    config = Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-6, rope_parameters=rope(1e6),
        tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)
    config._attn_implementation = "eager"
    initial = Qwen2ForCausalLM(config)
    draw_weights(initial, torch.Generator().manual_seed(103))
    folder = GOLDENS / "dpo20_qwen2"
    write_tensors(folder / "model.safetensors", weights_of(initial))
    write_config(folder, config)
    write_json(folder / "trajectory.json", train(initial, pairs, LINEAR))


def main() -> None:
    deterministic(0)
    config = Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, max_position_embeddings=256, rms_norm_eps=1e-6, rope_parameters=rope(1e6),
        tie_word_embeddings=True, bos_token_id=1, eos_token_id=2)
    config._attn_implementation = "eager"
    initial = Qwen3ForCausalLM(config)
    draw_weights(initial, torch.Generator().manual_seed(101))
    pairs = draw_pairs(torch.Generator().manual_seed(102))

    write_model_with_biases(pairs)

    folder = GOLDENS / "dpo20"
    write_tensors(folder / "model.safetensors", weights_of(initial))
    write_config(folder, config)
    lines = ",\n".join(json.dumps(pair, separators=(",", ":")) for pair in pairs)
    (folder / "pairs.json").write_text(f"[\n{lines}\n]\n")
    runs = {"trajectory.json": LINEAR, "trajectory_smoothed.json": SMOOTHED}
    for name, options in runs.items():
        run = train(initial, pairs, options)
        write_json(folder / name, run)
        print(name, *(f"{step['loss']:.4f}" for step in run["steps"]))
        if "--check" in sys.argv:
            exact = train(copy.deepcopy(initial).double(), pairs, options)
            compare("  float32 against float64", run, exact["steps"])
            if options["label_smoothing"] == 0:
                compare("  against TRL's DPOTrainer", run, trl_run(initial, pairs, options))
    write_schedules()


if __name__ == "__main__":
    main()
