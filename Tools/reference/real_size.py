"""Logits and log-probabilities of a 64 M model over 1,024 tokens, as `transformers` computes them.

    python3 Tools/reference/real_size.py

Writes Tests/MiniMindTests/Goldens/real_size.json: for MiniMind-3's shape, with weights of `hashed.py`,

    weights_seed, tokens_seed, tokens    what to compute
    weights           the first, middle and last element of each parameter, and its sum in float64
    logits            [{position, token, value}], spread over positions and vocabulary
    logit_sums        [{position, sum, sum_of_squares}] over the vocabulary, in float64
    logprobs          log p(next token) at every 16th position
    logprob_sum       over all 1,023 next tokens, in float64
"""

import torch

import hashed
from tiny import TESTS, deterministic, write_json

WEIGHTS_SEED, TOKENS_SEED, LENGTH = 20250101, 20250102, 1024


@torch.no_grad()
def main() -> None:
    model = hashed.minimind3(WEIGHTS_SEED)
    ids = torch.tensor([hashed.token_ids(LENGTH, 6400, TOKENS_SEED)])
    logits = model(input_ids=ids, use_cache=False).logits[0]
    logprobs = logits[:-1].double().log_softmax(-1).gather(-1, ids[0, 1:, None]).squeeze(-1)
    weights = {}
    for name, parameter in model.named_parameters():
        flat = parameter.flatten()
        weights[name] = {"elements": [flat[0].item(), flat[flat.numel() // 2].item(), flat[-1].item()],
                         "sum": flat.double().sum().item()}
    exact = model.double()(input_ids=ids, use_cache=False).logits[0]
    positions = [0, 1, 2, 63, 255, 511, 512, 767, 1000, 1022, 1023]
    golden = {
        "weights_seed": WEIGHTS_SEED, "tokens_seed": TOKENS_SEED, "tokens": LENGTH, "weights": weights,
        "logits": [{"position": position, "token": token, "value": logits[position, token].item()}
                   for position in positions for token in [(position * 37 + k * 911) % 6400 for k in range(8)]],
        "logit_sums": [{"position": position, "sum": logits[position].double().sum().item(),
                        "sum_of_squares": logits[position].double().square().sum().item()} for position in positions],
        "logprobs": logprobs[::16].tolist(),
        "logprob_sum": logprobs.sum().item(),
    }
    error = (logits.double() - exact).abs().max().item()
    print("largest logit", logits.abs().max().item(), "largest deviation from float64", error)
    assert error < 2e-5
    write_json(TESTS / "MiniMindTests" / "Goldens" / "real_size.json", golden, indent=None)


if __name__ == "__main__":
    deterministic(0)
    main()
