"""Every preference loss and its gradient, from the formula and, where TRL has the loss, from TRL's own code.

    python3 Tools/reference/dpo.py

Writes Tests/DPOTests/Goldens/losses.json:

    pairs   for each pair the log-probabilities of its target tokens: chosen, rejected (policy) and ref_chosen,
            ref_rejected; and *_log_sum_sq, log Σ_v p_v² at the policy's positions, which only WPO reads
    cases   one loss with its parameters each:
              losses              of each pair (aot, aot_unpaired: of each rank of the sorted batch)
              loss                their mean
              gradient_chosen,    ∂loss/∂(log π of the side), that is, with respect to the sum over its tokens; every
              gradient_rejected   token of a side has this same gradient
              gradient_*_tokens   instead, where the tokens of a side have different weights (ld_alpha)
              trl                 whether TRL's code gave the same loss and gradients; false where it has no such loss

The numbers are float64 by autograd over the formulas below; TRL computes in float32.

Where TRL differs:
- its `sigmoid` and `sigmoid_norm` ignore label smoothing, so these are checked against the formula alone; it has no `dpop`;
- its bco_pair has no running mean: δ = 0, as here;
- its `sft`, the NLL of CPO and ORPO and the sorts of `aot` are taken over a micro-batch, which depends on how a batch is
  split. Here they are taken over the whole batch, which is what TRL computes where the micro-batch is the batch;
- it cannot weigh `hinge` (an in-place operation that autograd refuses);
- its ORPO averages the NLL over prompt and answer; here, as in the paper, over the answer.
"""

import json
import math
import sys
from collections import defaultdict
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from trl import DPOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

from tiny import TESTS, deterministic

BETAS = (0.1, 0.15, 0.5)
SIDES = ("chosen", "rejected")


# MARK: - Data


def draw_pairs(generator: torch.Generator) -> list[dict]:
    def rounded(tensor):
        return [round(value, 4) for value in tensor.tolist()]

    # (tokens chosen, tokens rejected, log-ratio of each side): mild, equal lengths, single tokens, and two extremes.
    shapes = [(5, 8, 0.6, -0.4), (7, 7, -0.3, 0.5), (1, 3, 0.2, 0.1), (6, 1, -1.5, -2.0), (9, 4, 12, -12),
              (3, 6, -12, 12)]
    pairs = []
    for chosen, rejected, ratio_chosen, ratio_rejected in shapes:
        pair = {}
        for side, length, ratio in (("chosen", chosen, ratio_chosen), ("rejected", rejected, ratio_rejected)):
            policy = -(torch.rand(length, generator=generator) * 2 + 0.05)
            shift = torch.randn(length, generator=generator) * 0.1 + ratio / length
            low = torch.minimum(policy, policy - shift)  # keep both sides log-probabilities: at most 0
            pair[side] = rounded(policy if ratio >= 0 else low + shift.clamp(max=0))
            pair[f"ref_{side}"] = rounded(torch.tensor(pair[side]) - shift)
            pair[f"{side}_log_sum_sq"] = rounded(-(torch.rand(length, generator=generator) * 1.5 + 0.3))
        for side in SIDES:
            for name in (side, f"ref_{side}"):
                over = max(max(pair[name]), -0.02) + 0.02
                pair[name] = [round(value - over, 4) for value in pair[name]]
        pairs.append(pair)
    return pairs


class Batch:
    """The pairs as padded tensors; `tokens` are the leaves of the gradients."""

    def __init__(self, pairs: list[dict], dtype: torch.dtype):
        def rows(suffix: str = "", prefix: str = ""):
            lists = [torch.tensor(pair[prefix + side + suffix], dtype=dtype) for side in SIDES for pair in pairs]
            return torch.nn.utils.rnn.pad_sequence(lists, batch_first=True)

        self.tokens = rows().requires_grad_()
        self.ref_tokens, self.log_sum_sq = rows(prefix="ref_"), rows("_log_sum_sq")
        self.lengths = torch.tensor([len(pair[side]) for side in SIDES for pair in pairs])
        self.mask = torch.arange(self.tokens.shape[1]) < self.lengths[:, None]

    def sums(self, tokens: torch.Tensor, ld_alpha: float | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        weight = self.mask.to(tokens.dtype)
        if ld_alpha is not None:
            common = torch.minimum(*self.lengths.chunk(2)).repeat(2)
            beyond = torch.arange(tokens.shape[1]) >= common[:, None]
            weight = torch.where(beyond, ld_alpha * weight, weight)
        return (tokens * weight).sum(1).chunk(2)


# MARK: - The formulas


def score(r: torch.Tensor, case: dict) -> torch.Tensor:
    """s = f(r)."""
    divergence = case.get("f_divergence", "reverse_kl")
    if divergence == "forward_kl":
        return 1 - torch.exp(-r)
    if divergence == "js_divergence":
        return math.log(2) + F.logsigmoid(r)
    if divergence == "alpha_divergence":
        power = case["alpha"] - 1
        return (torch.exp((power * r).clamp(max=80)) - 1) / power
    return r


def formula(batch: Batch, case: dict) -> torch.Tensor:
    """The loss of each pair."""
    names = case["loss_type"].split()
    return sum(w * one_formula(batch, case, name) for name, w in zip(names, case.get("weights", [1.0] * len(names))))


def one_formula(batch: Batch, case: dict, kind: str) -> torch.Tensor:
    beta, smoothing = case["beta"], case.get("label_smoothing", 0.0)
    log_sigmoid, sigma = F.logsigmoid, torch.sigmoid
    policy_w, policy_l = batch.sums(batch.tokens, case.get("ld_alpha"))
    ref_w, ref_l = batch.sums(batch.ref_tokens, case.get("ld_alpha"))
    length_w, length_l = batch.lengths.chunk(2)
    r_w, r_l = policy_w - ref_w, policy_l - ref_l
    s_w, s_l = score(r_w, case), score(r_l, case)
    z = beta * (s_w - s_l)

    def smoothed(z):
        return -(1 - smoothing) * log_sigmoid(z) - smoothing * log_sigmoid(-z)

    negative_log_likelihood = (-(batch.tokens * batch.mask).chunk(2)[0].sum() / length_w.sum()).expand(len(policy_w))

    def log_one_minus_exp(x):
        return torch.log(-torch.expm1(x))

    if kind == "sigmoid":
        losses = smoothed(z)
    elif kind == "hinge":
        losses = (1 - z).clamp(min=0)
    elif kind == "ipo":
        losses = (s_w / length_w - s_l / length_l - 1 / (2 * beta)) ** 2
    elif kind == "sigmoid_norm":
        losses = smoothed(beta * (s_w / length_w - s_l / length_l))
    elif kind == "exo_pair":
        epsilon = torch.tensor(smoothing, dtype=z.dtype)
        losses = sigma(z) * (log_sigmoid(z) - torch.log1p(-epsilon)) + sigma(-z) * (log_sigmoid(-z) - epsilon.log())
    elif kind == "robust":
        losses = (-(1 - smoothing) * log_sigmoid(z) + smoothing * log_sigmoid(-z)) / (1 - 2 * smoothing)
    elif kind == "nca_pair":
        losses = -log_sigmoid(beta * r_w) - 0.5 * log_sigmoid(-beta * r_w) - 0.5 * log_sigmoid(-beta * r_l)
    elif kind == "bco_pair":
        losses = -log_sigmoid(beta * r_w) - log_sigmoid(-beta * r_l)
    elif kind == "sppo_hard":
        losses = (r_w - 1 / (2 * beta)) ** 2 + (r_l + 1 / (2 * beta)) ** 2
    elif kind == "aot":
        losses = smoothed(beta * ((policy_w - policy_l).sort().values - (ref_w - ref_l).sort().values))
    elif kind == "aot_unpaired":
        losses = smoothed(beta * (r_w.sort().values - r_l.sort().values))
    elif kind == "apo_zero":
        losses = 1 - sigma(beta * r_w) + sigma(beta * r_l)
    elif kind == "apo_down":
        losses = sigma(beta * r_w) + 1 - sigma(beta * (r_w - r_l))
    elif kind == "discopop":
        m = sigma(z / case["discopop_tau"])
        losses = (1 - m) * -log_sigmoid(z) + m * torch.exp(-z)
    elif kind == "sft":
        losses = negative_log_likelihood
    elif kind == "dpop":
        losses = -log_sigmoid(beta * (r_w - r_l - case["dpop_lambda"] * (-r_w).clamp(min=0)))
    elif kind == "cpo":
        losses = smoothed(beta * (policy_w - policy_l)) + case["cpo_alpha"] * negative_log_likelihood
    elif kind == "simpo":
        losses = smoothed(beta * (policy_w / length_w - policy_l / length_l) - case["simpo_gamma"])
    elif kind == "orpo":
        mean_w, mean_l = policy_w / length_w, policy_l / length_l
        log_odds = (mean_w - mean_l) - (log_one_minus_exp(mean_w) - log_one_minus_exp(mean_l))
        losses = negative_log_likelihood - beta * log_sigmoid(log_odds)
    else:
        raise ValueError(kind)
    if case.get("wpo"):
        aligned = ((batch.tokens - batch.log_sum_sq) * batch.mask).sum(1) / batch.lengths
        weight_w, weight_l = aligned.detach().exp().chunk(2)
        losses = losses * weight_w * weight_l
    return losses


# MARK: - TRL


def trl_loss(batch: Batch, case: dict) -> torch.Tensor | None:
    """The batch's mean loss by TRL's code, with a stand-in for the model that returns the given log-probabilities."""
    kinds, smoothing = case["loss_type"].split(), case.get("label_smoothing", 0.0)
    kind = kinds[0]
    if "hinge" in kinds and case.get("wpo"):
        return None  # TRL multiplies the output of relu in place, which autograd refuses
    if "dpop" in kinds or (smoothing and {"sigmoid", "sigmoid_norm"} & set(kinds)):
        return None
    accelerator = SimpleNamespace(device=torch.device("cpu"), gather=lambda x: x, gather_for_metrics=lambda x: x)
    if kind in ("cpo", "simpo", "orpo"):
        stub = SimpleNamespace(
            accelerator=accelerator, beta=case["beta"], label_smoothing=smoothing, alpha=0.0,
            simpo_gamma=case.get("simpo_gamma"), loss_type="sigmoid" if kind == "cpo" else kind)
        policy_w, policy_l = batch.sums(batch.tokens)
        length_w, length_l = batch.lengths.chunk(2)
        mean_w, mean_l = policy_w / length_w, policy_l / length_l
        nll = -policy_w.sum() / length_w.sum()
        if kind == "cpo":
            return CPOTrainer.cpo_loss(stub, policy_w, policy_l)[0].mean() + case["cpo_alpha"] * nll
        if kind == "simpo":
            return CPOTrainer.cpo_loss(stub, mean_w, mean_l)[0].mean()
        return nll - ORPOTrainer.odds_ratio_loss(stub, mean_w, mean_l)[0].mean()

    ref_w, ref_l = batch.sums(batch.ref_tokens, case.get("ld_alpha"))
    nothing = torch.zeros_like(batch.tokens)
    outputs = SimpleNamespace(
        log_probs=batch.tokens * batch.mask, log_sum_sq_probs=batch.log_sum_sq, entropy=nothing, mean_logits=nothing,
        is_top1=nothing.bool())
    stub = SimpleNamespace(
        model=torch.nn.Identity(), accelerator=accelerator, aux_loss_enabled=False, precompute_ref_logps=True,
        ld_alpha=case.get("ld_alpha"), beta=case["beta"], label_smoothing=smoothing, use_weighting=case.get("wpo", False),
        f_divergence_type=case.get("f_divergence", "reverse_kl"), f_alpha_divergence_coef=case.get("alpha"),
        loss_types=kinds, loss_weights=case.get("weights", [1.0] * len(kinds)),
        args=SimpleNamespace(discopop_tau=case.get("discopop_tau")), _metrics=defaultdict(lambda: defaultdict(list)),
        _total_train_tokens=0, _tp_size=1)
    completion_mask = F.pad(batch.mask.long(), (1, 0))
    inputs = {
        "input_ids": torch.zeros_like(completion_mask), "attention_mask": torch.ones_like(completion_mask),
        "completion_mask": completion_mask, "ref_chosen_logps": ref_w, "ref_rejected_logps": ref_l,
    }
    return DPOTrainer._compute_loss(stub, lambda **_: outputs, inputs, False)


# MARK: - Cases


def cases() -> list[dict]:
    found = []

    def add(kind: str, betas=BETAS, **parameters) -> None:
        found.extend({"loss_type": kind, "beta": beta} | parameters for beta in betas)

    add("sigmoid")
    for smoothing in (0.1, 0.3):
        add("sigmoid", label_smoothing=smoothing)
    for kind in ("hinge", "ipo", "sigmoid_norm", "nca_pair", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
                 "apo_zero", "apo_down"):
        add(kind)
    for kind in ("exo_pair", "robust", "aot", "aot_unpaired"):
        add(kind, label_smoothing=0.1)
    add("discopop", discopop_tau=0.05)
    add("sft", betas=(0.1,))
    alpha = {"f_divergence": "alpha_divergence"}
    divergences = ({"f_divergence": "forward_kl"}, {"f_divergence": "js_divergence"}, alpha | {"alpha": 0.5},
                   alpha | {"alpha": 2.0})
    once = (0.1,)
    for divergence in divergences:
        add("sigmoid", **divergence)
        for kind in ("ipo", "sigmoid_norm", "hinge", "robust"):
            add(kind, betas=once, **divergence)
    add("sigmoid", betas=once, **alpha, alpha=10.0)  # (α − 1)·12 is above the cap of 80
    add("exo_pair", betas=once, f_divergence="js_divergence", label_smoothing=0.1)
    add("discopop", betas=once, f_divergence="js_divergence", discopop_tau=0.05)
    add("sigmoid_norm", betas=once, label_smoothing=0.1)
    add("sigmoid", ld_alpha=0.5)
    for kind in ("hinge", "ipo", "nca_pair", "apo_zero", "sppo_hard", "aot", "aot_unpaired", "sft"):
        add(kind, betas=once, ld_alpha=0.25)
    add("ipo", betas=once, ld_alpha=0.0)
    add("sigmoid", wpo=True)
    for kind in ("ipo", "hinge", "nca_pair", "apo_down", "sigmoid_norm"):
        add(kind, betas=once, wpo=True)
    add("cpo", cpo_alpha=1.0)
    add("cpo", betas=once, cpo_alpha=0.0, label_smoothing=0.1)
    add("simpo", simpo_gamma=0.5)
    add("simpo", betas=(2.0,), simpo_gamma=1.4, label_smoothing=0.1)
    add("orpo")
    add("dpop", dpop_lambda=50.0)
    add("dpop", betas=once, dpop_lambda=5.0)
    add("sigmoid sft", betas=once, weights=[1.0, 0.2])
    add("sigmoid bco_pair sft", betas=once, weights=[0.8, 0.2, 1.0])
    add("aot ipo aot_unpaired", betas=once, weights=[0.5, 0.3, 2.0])
    add("hinge sft", betas=once, weights=[1.0, 0.5], ld_alpha=0.5, f_divergence="forward_kl")
    return found


def short(values) -> list[float] | float:
    """Ten significant digits."""
    if isinstance(values, float):
        return float(f"{values:.10g}")
    return [short(value) for value in values]


def solve(case: dict, pairs: list[dict]) -> dict:
    batch, count = Batch(pairs, torch.float64), len(pairs)
    losses = formula(batch, case)
    (gradient,) = torch.autograd.grad(losses.mean(), batch.tokens)
    assert torch.isfinite(losses).all() and torch.isfinite(gradient).all(), case

    single = Batch(pairs, torch.float32)
    theirs = trl_loss(single, case)
    if theirs is not None:
        (their_gradient,) = torch.autograd.grad(theirs, single.tokens)
        torch.testing.assert_close(theirs.double(), losses.mean().detach(), rtol=2e-5, atol=1e-6, msg=lambda m: f"{case}\n{m}")
        torch.testing.assert_close(
            their_gradient.double() * single.mask, gradient, rtol=2e-4, atol=1e-6, msg=lambda m: f"{case}\n{m}")

    result = case | {"losses": short(losses.tolist()), "loss": short(losses.mean().item())}
    rows = [row[: int(length)].tolist() for row, length in zip(gradient, batch.lengths)]
    for side, part in zip(SIDES, (rows[:count], rows[count:])):
        if "ld_alpha" in case:
            result[f"gradient_{side}_tokens"] = short(part)
        else:
            assert all(max(row) - min(row) <= 1e-12 * (1 + abs(row[0])) for row in part)
            result[f"gradient_{side}"] = short([row[0] for row in part])
    return result | {"trl": theirs is not None}


def main() -> None:
    pairs = draw_pairs(deterministic(7))
    solved = [solve(case, pairs) for case in cases()]
    lines = ["{", '"pairs": [', ",\n".join(map(json.dumps, pairs)), "],", '"cases": [', ",\n".join(map(json.dumps, solved)),
             "]", "}"]
    path = TESTS / "DPOTests" / "Goldens" / "losses.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    print(len(solved), "cases;", sum(case["trl"] for case in solved), "of them agree with TRL;", path.stat().st_size, "bytes")


if __name__ == "__main__":
    sys.exit(main())
