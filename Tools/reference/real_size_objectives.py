"""The first step of a 64 M model with some objectives, in double precision.

    python3 Tools/reference/real_size_objectives.py          takes some minutes and 6 GB

Writes Tests/TrainingTests/Goldens/real_size_objectives.json: [{name, options, loss, grad_norm}], for the models and pairs of
`real_size_dpo.py`, all eight pairs in one batch. `options` are TRL's names. The loss is TRL's `DPOTrainer._compute_loss` on
log-probabilities in float64; chosen are the objectives that need more of a batch than one number a side: its order, its
targets' number, or the distribution at each target.
"""

from collections import defaultdict
from types import SimpleNamespace

import torch
from trl import DPOTrainer

from dpo_run import padded
from real_size_dpo import POLICY_SEED, REFERENCE_SEED, draw_pairs, model
from tiny import TESTS, deterministic, write_json

CASES = {
    "aot": {"loss_type": ["aot"], "beta": 0.1},
    "ipo": {"loss_type": ["ipo"], "beta": 0.5},
    "sigmoid and sft": {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.3], "beta": 0.1},
    "sigmoid, use_weighting": {"loss_type": ["sigmoid"], "beta": 0.1, "use_weighting": True},
    "ipo, ld_alpha and js_divergence": {
        "loss_type": ["ipo"], "beta": 0.5, "ld_alpha": 0.5, "f_divergence_type": "js_divergence"},
}


def token_logprobs(model, pairs: list[dict]) -> tuple[torch.Tensor, torch.Tensor]:
    """log p of each target and log Σ_v p_v² at its position, `[2 · pairs, tokens − 1]`, 0 where there is no target."""
    sides = [(pair[f"{side}_ids"], pair[f"{side}_mask"]) for side in ("chosen", "rejected") for pair in pairs]
    ids, mask = padded([ids for ids, _ in sides]), padded([mask for _, mask in sides])
    real = padded([[1] * len(ids) for ids, _ in sides])
    logprobs = model(input_ids=ids, attention_mask=real, use_cache=False).logits[:, :-1].log_softmax(-1)
    target = mask[:, 1:] == 1
    tokens = logprobs.gather(-1, ids[:, 1:, None]).squeeze(-1).masked_fill(~target, 0)
    return tokens, (2 * logprobs.detach()).logsumexp(-1).masked_fill(~target, 0)


def trl_loss(options: dict, pairs: list[dict], tokens, log_sum_sq, reference) -> torch.Tensor:
    """TRL's loss with a stand-in for the model that returns the given log-probabilities."""
    nothing = torch.zeros_like(tokens)
    mask = padded([pair[f"{side}_mask"] for side in ("chosen", "rejected") for pair in pairs])
    policy = SimpleNamespace(log_probs=tokens, log_sum_sq_probs=log_sum_sq, entropy=nothing, mean_logits=nothing,
                             is_top1=nothing.bool())
    frozen = SimpleNamespace(log_probs=reference)
    trainer = SimpleNamespace(
        model=SimpleNamespace(training=True, is_gradient_checkpointing=False), ref_model=lambda **_: frozen,
        args=SimpleNamespace(gradient_checkpointing_kwargs=None),
        accelerator=SimpleNamespace(device=torch.device("cpu"), gather=lambda x: x, gather_for_metrics=lambda x: x),
        aux_loss_enabled=False, precompute_ref_logps=False, beta=options["beta"], ld_alpha=options.get("ld_alpha"),
        f_divergence_type=options.get("f_divergence_type", "reverse_kl"), use_weighting=options.get("use_weighting", False),
        label_smoothing=0.0, loss_types=options["loss_type"],
        loss_weights=options.get("loss_weights", [1.0] * len(options["loss_type"])),
        _metrics=defaultdict(lambda: defaultdict(list)), _total_train_tokens=0, _tp_size=1)
    inputs = {"input_ids": torch.zeros_like(mask), "attention_mask": torch.ones_like(mask), "completion_mask": mask}
    return DPOTrainer._compute_loss(trainer, lambda **_: policy, inputs, False)


def main() -> None:
    pairs = draw_pairs()
    policy = model(POLICY_SEED).train()
    with torch.no_grad():
        reference, _ = token_logprobs(model(REFERENCE_SEED), pairs)
    # Each loss is a function of the targets' log-probabilities, so the model's graph serves all of them.
    tokens, log_sum_sq = token_logprobs(policy, pairs)
    golden = []
    for name, options in CASES.items():
        leaves = tokens.detach().requires_grad_()
        loss = trl_loss(options, pairs, leaves, log_sum_sq, reference)
        (gradient,) = torch.autograd.grad(loss, leaves)
        parameters = torch.autograd.grad(tokens, list(policy.parameters()), gradient, retain_graph=True)
        norm = torch.stack([part.norm() for part in parameters]).norm()
        golden.append({"name": name, "options": options, "loss": loss.item(), "grad_norm": norm.item()})
        print(f"{name:32} loss {loss.item():.9f}  norm {norm.item():.9f}", flush=True)
    write_json(TESTS / "TrainingTests" / "Goldens" / "real_size_objectives.json", golden)


if __name__ == "__main__":
    deterministic(0)
    main()
