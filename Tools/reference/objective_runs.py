"""Five steps of training with every objective and modifier, by TRL's trainers.

    python3 Tools/reference/objective_runs.py              writes the golden
    python3 Tools/reference/objective_runs.py --check      also runs all of it in float64, and prints the differences

Writes Tests/TrainingTests/Goldens/objectives.json:

    options    of all runs: AdamW, schedule, clipping, eight pairs a step
    cases      [{name, options, reference_scale, authority, steps}]: `options` are TRL's names of loss, modifiers and
               learning rate; the reference's weights are the policy's times `reference_scale`; of each step the
               loss, the norm of the whole gradient, and the means that TRL logs

Model and pairs are those of dpo20 (`dpo_run.py`): Qwen3's shape, scaled down, and pairs of every awkward kind. The first
forty pairs are taken in order, eight a step, in one micro-batch, so that what TRL computes over a micro-batch (the sort of
aot, the token mean of sft and of CPO's NLL) is over the whole batch. Policy and reference differ from the first step on,
and less, with a smaller learning rate, where the loss grows as the exponential or the square of a log-ratio: float32 must
tell the truth in all five steps. For the same reason AdamW's epsilon is 1e-6: with 1e-8 a gradient that is nothing but rounding
moves a weight as far as any other.

`authority` says whose numbers they are:

    DPOTrainer    TRL's trainer, on the same ids and masks
    CPOTrainer    likewise, for cpo and simpo
    ORPOTrainer   likewise, for orpo, but that the NLL is over the chosen answer's tokens, as in the paper (arXiv:2403.07691,
                  equations 6 and 7) and in LLaMA-Factory. TRL's is over prompt and answer
    formula       plain PyTorch with the paper's formula in float64, where TRL has none:
                    sigmoid with label smoothing: −(1 − ε) log σ(βΔ) − ε log σ(−βΔ) (Mitchell 2023; TRL's `sigmoid`
                    ignores label smoothing), dpop: −log σ(β(Δ − λ·max(0, −r_w))) (arXiv:2402.13228)

No case weighs sft by WPO: TRL stops with an error there, since it multiplies an expanded tensor in place. TRL's trainers
are told to decay every parameter; by default `transformers` excludes the norms. What CPO and ORPO log as `logits/*` includes
prompts and padding and is left out.
"""

import copy
import json
import logging
import sys
import tempfile

import torch
import torch.nn.functional as F
from datasets import Dataset, disable_progress_bars
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM
from trl import DPOConfig, DPOTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from dpo_run import GOLDENS, VOCABULARY, padded, sequence_logprobs
from tiny import deterministic

STEPS, BATCH = 5, 8
OPTIONS = {
    "steps": STEPS, "batch_size": BATCH, "lr_scheduler_type": "linear", "warmup_steps": 0,
    "weight_decay": 0.01, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-6, "max_grad_norm": 1.0,
}
LOGGED = (
    "loss", "grad_norm", "rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "logps/chosen",
    "logps/rejected", "logits/chosen", "logits/rejected", "entropy", "mean_token_accuracy", "num_tokens", "nll_loss",
)


# MARK: - Cases


def cases() -> list[dict]:
    found = []

    def add(name: str, *loss_types: str, reference_scale: float = 0.93, beta: float = 0.1,
            learning_rate: float = 1e-3, **options) -> None:
        options = {"loss_type": list(loss_types), "beta": beta, "learning_rate": learning_rate} | options
        found.append({"name": name, "options": options, "reference_scale": reference_scale})

    # Every objective alone. β is chosen so that the loss depends on the weights visibly.
    add("sigmoid", "sigmoid")
    add("hinge", "hinge", beta=0.3)
    add("ipo", "ipo", beta=0.5)
    add("exo_pair", "exo_pair", label_smoothing=0.1)
    add("nca_pair", "nca_pair")
    add("robust", "robust", label_smoothing=0.2)
    add("bco_pair", "bco_pair")
    add("sppo_hard", "sppo_hard", beta=0.5, reference_scale=0.98, learning_rate=1e-4)
    add("aot", "aot", beta=0.2)
    add("aot_unpaired", "aot_unpaired", beta=0.2)
    add("apo_zero", "apo_zero")
    add("apo_down", "apo_down")
    add("discopop", "discopop", discopop_tau=0.3)
    add("sft", "sft")
    add("sigmoid_norm", "sigmoid_norm", beta=2.0)
    add("cpo", "cpo", cpo_alpha=1.0)
    add("simpo", "simpo", beta=2.0, simpo_gamma=0.5)
    add("orpo", "orpo", beta=0.4)
    add("dpop", "dpop", dpop_lambda=2.0)

    # Modifiers.
    add("sigmoid, label smoothing", "sigmoid", label_smoothing=0.2)
    add("aot, label smoothing", "aot", label_smoothing=0.1)
    add("cpo, label smoothing", "cpo", cpo_alpha=0.25, label_smoothing=0.1)
    for kind, beta in (("sigmoid", 0.1), ("ipo", 0.5)):
        add(f"{kind}, forward_kl", kind, beta=beta, f_divergence_type="forward_kl", reference_scale=0.99,
            learning_rate=2e-4)
        add(f"{kind}, js_divergence", kind, beta=beta, f_divergence_type="js_divergence")
        add(f"{kind}, alpha_divergence", kind, beta=beta, f_divergence_type="alpha_divergence",
            f_alpha_divergence_coef=0.5, reference_scale=0.98, learning_rate=4e-4)
        add(f"{kind}, ld_alpha", kind, beta=beta, ld_alpha=0.5)
    add("sigmoid, use_weighting", "sigmoid", use_weighting=True)
    add("sigmoid and bco_pair, use_weighting", "sigmoid", "bco_pair", loss_weights=[1.0, 0.5], use_weighting=True)
    add("sigmoid, sync_ref_model", "sigmoid", sync_ref_model=True, ref_model_mixup_alpha=0.6, ref_model_sync_steps=2)

    # Mixtures: RPO (arXiv:2404.19733), MPO (arXiv:2411.10442), and one with a sort and lengths.
    add("sigmoid and sft", "sigmoid", "sft", loss_weights=[1.0, 0.3])
    add("sigmoid, bco_pair and sft", "sigmoid", "bco_pair", "sft", loss_weights=[0.8, 0.2, 1.0])
    add("aot and sigmoid_norm", "aot", "sigmoid_norm", beta=0.5, loss_weights=[0.7, 1.5])
    return found


def authority(options: dict) -> str:
    kind = options["loss_type"][0]
    if kind == "dpop" or (kind == "sigmoid" and "label_smoothing" in options):
        return "formula"
    return {"cpo": "CPOTrainer", "simpo": "CPOTrainer", "orpo": "ORPOTrainer"}.get(kind, "DPOTrainer")


# MARK: - TRL's trainers


class Prepared:
    """A trainer whose pairs are tokenized already, taken in order, with weight decay on all weights."""

    def get_decay_parameter_names(self, model):
        return [name for name, _ in model.named_parameters()]

    def _get_train_sampler(self, *_):
        return torch.utils.data.SequentialSampler(self.train_dataset)

    def _prepare_dataset(self, dataset, *_):
        return dataset

    def tokenize_row(self, row, *_):
        return row


class DPO(Prepared, DPOTrainer):
    pass


class CPO(Prepared, CPOTrainer):
    pass


class ORPO(Prepared, ORPOTrainer):
    def concatenated_forward(self, model, batch):
        chosen_logps, rejected_logps, chosen_logits, rejected_logits, _ = super().concatenated_forward(model, batch)
        labels = F.pad(batch["chosen_labels"][:, 1:], (0, chosen_logits.shape[1] + 1 - batch["chosen_labels"].shape[1]),
                       value=-100)
        nll = F.cross_entropy(chosen_logits.flatten(0, 1), labels.flatten())
        return chosen_logps, rejected_logps, chosen_logits, rejected_logits, nll


def collate_sides(examples: list[dict]) -> dict:
    """As DPOTrainer wants it: chosen sides, then rejected sides."""
    sides = [(e[f"{side}_ids"], e[f"{side}_mask"]) for side in ("chosen", "rejected") for e in examples]
    return {"input_ids": padded([ids for ids, _ in sides]), "completion_mask": padded([mask for _, mask in sides]),
            "attention_mask": padded([[1] * len(ids) for ids, _ in sides])}


def collate_labels(examples: list[dict]) -> dict:
    """As CPOTrainer and ORPOTrainer want it: each side with labels, −100 where there is no target."""
    batch = {}
    for side in ("chosen", "rejected"):
        ids = padded([e[f"{side}_ids"] for e in examples])
        mask = padded([e[f"{side}_mask"] for e in examples])
        batch |= {f"{side}_input_ids": ids, f"{side}_labels": ids.masked_fill(mask == 0, -100),
                  f"{side}_attention_mask": padded([[1] * len(e[f"{side}_ids"]) for e in examples])}
    return batch


def trl_run(policy, reference, pairs: list[dict], options: dict) -> list[dict]:
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(VOCABULARY)}, unk_token="t0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="t0", eos_token="t2", unk_token="t0")
    kind = options["loss_type"][0]
    common = dict(
        max_steps=STEPS, per_device_train_batch_size=BATCH,
        lr_scheduler_type=OPTIONS["lr_scheduler_type"], warmup_steps=0, weight_decay=OPTIONS["weight_decay"],
        adam_beta1=OPTIONS["adam_beta1"], adam_beta2=OPTIONS["adam_beta2"], adam_epsilon=OPTIONS["adam_epsilon"],
        max_grad_norm=OPTIONS["max_grad_norm"], optim="adamw_torch", logging_steps=1, save_strategy="no",
        report_to="none", use_cpu=True, bf16=False, gradient_checkpointing=False, disable_tqdm=True,
        remove_unused_columns=False, dataloader_pin_memory=False, logging_nan_inf_filter=False)
    data = Dataset.from_list([pair | {"prompt": "", "chosen": "", "rejected": ""} for pair in pairs])
    with tempfile.TemporaryDirectory() as folder:
        arguments = dict(model=copy.deepcopy(policy), processing_class=tokenizer, train_dataset=data)
        if kind in ("cpo", "simpo"):
            settings = {"cpo_alpha": 0.0} | options | {"loss_type": "sigmoid" if kind == "cpo" else kind}
            trainer = CPO(args=CPOConfig(folder, max_length=512, **common, **settings), data_collator=collate_labels,
                          **arguments)
        elif kind == "orpo":
            trainer = ORPO(args=ORPOConfig(folder, max_length=512, beta=options["beta"], learning_rate=options["learning_rate"], **common),
                           data_collator=collate_labels, **arguments)
        else:
            trainer = DPO(args=DPOConfig(folder, **common, **options), ref_model=copy.deepcopy(reference),
                          data_collator=collate_sides, **arguments)
        trainer.train()
    records = [record for record in trainer.state.log_history if "loss" in record]
    skipped = ("logits/chosen", "logits/rejected", "num_tokens") if kind in ("cpo", "simpo", "orpo") else ()
    skipped += ("nll_loss",) if kind == "simpo" else ()
    return [{name: record[name] for name in LOGGED if name in record and name not in skipped} for record in records]


# MARK: - Plain PyTorch


def formula(ratio_chosen: torch.Tensor, ratio_rejected: torch.Tensor, options: dict) -> torch.Tensor:
    """The loss of each pair."""
    delta, beta = ratio_chosen - ratio_rejected, options["beta"]
    if options["loss_type"] == ["dpop"]:
        return -F.logsigmoid(beta * (delta - options["dpop_lambda"] * (-ratio_chosen).clamp(min=0)))
    smoothing = options["label_smoothing"]
    return -(1 - smoothing) * F.logsigmoid(beta * delta) - smoothing * F.logsigmoid(-beta * delta)


def formula_run(policy, reference, pairs: list[dict], options: dict) -> list[dict]:
    policy, reference = copy.deepcopy(policy).double().train(), copy.deepcopy(reference).double()
    optimizer = torch.optim.AdamW(
        policy.parameters(), lr=options["learning_rate"], betas=(OPTIONS["adam_beta1"], OPTIONS["adam_beta2"]),
        eps=OPTIONS["adam_epsilon"], weight_decay=OPTIONS["weight_decay"], foreach=False)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / STEPS)
    records = []
    for step in range(STEPS):
        batch = pairs[step * BATCH : (step + 1) * BATCH]
        chosen, rejected = (sequence_logprobs(policy, batch, side) for side in ("chosen", "rejected"))
        with torch.no_grad():
            ref_chosen, ref_rejected = (sequence_logprobs(reference, batch, side) for side in ("chosen", "rejected"))
        ratio_chosen, ratio_rejected = chosen - ref_chosen, rejected - ref_rejected
        loss = formula(ratio_chosen, ratio_rejected, options).mean()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), OPTIONS["max_grad_norm"], foreach=False)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        means = {"loss": loss, "grad_norm": norm, "rewards/chosen": options["beta"] * ratio_chosen,
                 "rewards/rejected": options["beta"] * ratio_rejected,
                 "rewards/margins": options["beta"] * (ratio_chosen - ratio_rejected),
                 "rewards/accuracies": (ratio_chosen > ratio_rejected).double(), "logps/chosen": chosen,
                 "logps/rejected": rejected}
        records.append({name: value.mean().item() for name, value in means.items()})
    return records


# MARK: - The golden


def run(policy, reference, pairs: list[dict], options: dict) -> list[dict]:
    solve = formula_run if authority(options) == "formula" else trl_run
    steps = solve(policy, reference, pairs, options)
    assert len(steps) == STEPS
    return steps


def scaled(model, factor: float):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(factor)
    return model


def main() -> None:
    deterministic(0)
    logging.disable(logging.WARNING)
    disable_progress_bars()
    folder = GOLDENS / "dpo20"
    policy = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    pairs = json.loads((folder / "pairs.json").read_text())[: STEPS * BATCH]

    solved = []
    for case in cases():
        reference = scaled(copy.deepcopy(policy), case["reference_scale"])
        steps = run(policy, reference, pairs, case["options"])
        solved.append(case | {"authority": authority(case["options"]), "steps": steps})
        print(f"{case['name']:32}", *(f"{step['loss']:9.5f}" for step in steps), " norms",
              *(f"{step['grad_norm']:8.3f}" for step in steps), flush=True)
        if "--check" in sys.argv and case["options"].get("f_divergence_type") != "alpha_divergence":
            exact = run(copy.deepcopy(policy).double(), copy.deepcopy(reference).double(), pairs, case["options"])
            loss, norm = (max(abs(a[key] - b[key]) / max(1 if key == "loss" else 0, abs(b[key]))
                              for a, b in zip(steps, exact, strict=True)) for key in ("loss", "grad_norm"))
            print(f"{'':32} from float64: loss {loss:.1e}, norm {norm:.1e}")

    def short(step: dict) -> dict:
        return {name: float(f"{value:.8g}") for name, value in step.items()}

    lines = [json.dumps(case | {"steps": [short(step) for step in case["steps"]]}) for case in solved]
    text = ",\n".join(lines)
    path = GOLDENS / "objectives.json"
    path.write_text(f'{{"options": {json.dumps(OPTIONS)}, "cases": [\n{text}\n]}}\n')
    print(len(solved), "cases,", path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
