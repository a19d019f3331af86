"""DPO steps of a 64 M model in double precision: the truth for loss and gradient norm at the size that users have.

    python3 Tools/reference/real_size_dpo.py          takes some minutes and 6 GB

Writes Tests/TrainingTests/Goldens/real_size.json: for MiniMind-3's shape, with weights of `hashed.py`,

    policy_seed, reference_seed      of the weights; policy and reference differ from the first step on
    options                          of the runs
    pairs                            [{chosen_ids, rejected_ids, chosen_mask, rejected_mask}]
    whole                            two steps over all pairs: loss, gradient norm, mean rewards and log-probabilities
    run                              20 steps over two pairs each, likewise

The two sides of a pair run separately, nothing is shared, and all arithmetic is float64. `dpo_run.py` has the step.
"""

import torch

import hashed
from dpo_run import train
from tiny import TESTS, deterministic, write_json

POLICY_SEED, REFERENCE_SEED, PAIRS_SEED = 20250201, 20250202, 20250203
# The shared prefix and the tails: together 328 tokens, so that a step uses the large matrix products.
SHAPES = [(12, 20, 14), (6, 15, 22), (9, 25, 10), (3, 18, 18), (14, 11, 16), (8, 9, 24), (10, 16, 12), (5, 13, 18)]
OPTIONS = {
    "learning_rate": 2e-6, "lr_scheduler_type": "linear", "warmup_steps": 0, "weight_decay": 0.01,
    "label_smoothing": 0.0, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-8, "max_grad_norm": 1.0,
    "beta": 0.1,
}


def draw_pairs() -> list[dict]:
    ids = hashed.token_ids(sum(map(sum, SHAPES)), 6400, PAIRS_SEED)
    pairs = []
    for prefix, chosen, rejected in SHAPES:
        shared, ids = ids[:prefix], ids[prefix:]
        first, ids = ids[:chosen], ids[chosen:]
        second, ids = ids[:rejected], ids[rejected:]
        assert first[0] != second[0]
        # Every third token of the prefix is a target of both sides.
        mask = [int(i % 3 == 2) for i in range(prefix)]
        pairs.append({"chosen_ids": shared + first, "rejected_ids": shared + second,
                      "chosen_mask": mask + [1] * chosen, "rejected_mask": mask + [1] * rejected})
    return pairs


def exact_norm(norm: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """RMSNorm in the type of its input; that of `transformers` goes through float32."""
    return norm.weight * x * torch.rsqrt(x.square().mean(-1, keepdim=True) + norm.variance_epsilon)


def model(seed: int):
    result = hashed.minimind3(seed, attention="sdpa").double()
    for module in result.modules():
        if type(module).__name__ == "Qwen3RMSNorm":
            module.forward = exact_norm.__get__(module)
    return result


def main() -> None:
    policy, reference, pairs = model(POLICY_SEED), model(REFERENCE_SEED), draw_pairs()
    runs = {
        "whole": OPTIONS | {"steps": 2, "batch_size": 4, "gradient_accumulation_steps": 2},
        "run": OPTIONS | {"steps": 20, "batch_size": 2, "gradient_accumulation_steps": 1},
    }
    golden = {"policy_seed": POLICY_SEED, "reference_seed": REFERENCE_SEED, "options": OPTIONS, "pairs": pairs}
    for name, options in runs.items():
        golden[name] = train(policy, pairs, options, reference)["steps"]
        for step in golden[name]:
            print(name, step["step"], f"loss {step['loss']:.6f}", f"norm {step['grad_norm']:.6f}", flush=True)
    write_json(TESTS / "TrainingTests" / "Goldens" / "real_size.json", golden, indent=None)


if __name__ == "__main__":
    deterministic(0)
    main()
