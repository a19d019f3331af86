"""Weights and token ids that Swift and Python compute bit for bit alike from integers.

The same formula as Tests/ModelFixtures/HashedWeights.swift, so that a golden of the full-size model holds a few numbers
instead of 256 MB of weights. For parameter number p in declaration order (a tied head is not counted) and element i:

    u = (splitmix64(seed + p * 2**40 + i) >> 40) / 2**24          in [0, 1)
    matrices: (2u - 1) * float32(0.02 * sqrt(3))                  standard deviation 0.02
    norms:    1 + (2u - 1) * float32(0.1)

all of it in float32, modulo 2**64 for integers.
"""

import math

import numpy
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM


def splitmix64(state: numpy.ndarray) -> numpy.ndarray:
    """The output of SplitMix64 (Steele, Lea & Flood, 2014) for each state, uint64."""
    with numpy.errstate(over="ignore"):
        x = state + numpy.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        return x ^ (x >> numpy.uint64(31))


def states(start: int, count: int) -> numpy.ndarray:
    with numpy.errstate(over="ignore"):
        return numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(start % 2**64)


def values(seed: int, parameter: int, count: int, is_norm: bool) -> numpy.ndarray:
    """The `count` elements of one parameter, float32."""
    bits = (splitmix64(states(seed + (parameter << 40), count)) >> numpy.uint64(40)).astype(numpy.int64)
    signed = (bits - 2**23).astype(numpy.float32) / numpy.float32(2**23)
    if is_norm:
        return numpy.float32(1) + signed * numpy.float32(0.1)
    return signed * numpy.float32(0.02 * math.sqrt(3))


def token_ids(count: int, vocabulary: int, seed: int) -> list[int]:
    return [int(x) % vocabulary for x in splitmix64(states(seed, count)) >> numpy.uint64(40)]


@torch.no_grad()
def fill(model: torch.nn.Module, seed: int) -> None:
    """Fills every parameter, numbered as `named_parameters` gives them, which leaves a tied head out."""
    for number, (_, parameter) in enumerate(model.named_parameters()):
        drawn = values(seed, number, parameter.numel(), parameter.dim() == 1)
        parameter.copy_(torch.from_numpy(drawn).view(parameter.shape))


def minimind3(seed: int, attention: str = "eager") -> Qwen3ForCausalLM:
    """MiniMind-3 (63.9 million weights in the shape of Qwen3), float32, filled with `seed`."""
    config = Qwen3Config(vocab_size=6400, hidden_size=768, intermediate_size=2432, num_hidden_layers=8,
                         num_attention_heads=8, num_key_value_heads=4, head_dim=96, rms_norm_eps=1e-6,
                         rope_parameters={"rope_type": "default", "rope_theta": 1e6}, max_position_embeddings=32768,
                         tie_word_embeddings=True)
    config._attn_implementation = attention
    model = Qwen3ForCausalLM(config).eval()
    fill(model, seed)
    return model


def separate_parameters(model: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    """The parameters of a mixture of experts in the program's order: a layer's router, then the gate, up and down projections
    of each expert, which `transformers` stacks."""
    parts = []
    for name, parameter in model.named_parameters():
        if name.endswith(".experts.gate_up_proj"):
            layer = name.removesuffix(".experts.gate_up_proj")
            down = model.get_parameter(f"{layer}.experts.down_proj")
            parts.append((f"{layer}.gate.weight", model.get_parameter(f"{layer}.gate.weight")))
            for expert, both in enumerate(parameter):
                gate, up = both.chunk(2)
                parts += [(f"{layer}.experts.{expert}.{part}_proj.weight", view)
                          for part, view in (("gate", gate), ("up", up), ("down", down[expert]))]
        elif not name.endswith((".experts.down_proj", ".mlp.gate.weight")):
            parts.append((name, parameter))
    return parts


@torch.no_grad()
def minimind3_moe(seed: int, attention: str = "eager") -> Qwen3MoeForCausalLM:
    """MiniMind-3-MoE (198 million weights in the shape of Qwen3-MoE), float32, filled with `seed`."""
    config = Qwen3MoeConfig(vocab_size=6400, hidden_size=768, intermediate_size=2432, moe_intermediate_size=2432,
                            num_experts=4, num_experts_per_tok=1, norm_topk_prob=True, num_hidden_layers=8,
                            num_attention_heads=8, num_key_value_heads=4, head_dim=96, rms_norm_eps=1e-6,
                            rope_parameters={"rope_type": "default", "rope_theta": 1e6}, max_position_embeddings=32768,
                            tie_word_embeddings=True, router_aux_loss_coef=5e-4)
    config._attn_implementation = attention
    model = Qwen3MoeForCausalLM(config).eval()
    for number, (_, parameter) in enumerate(separate_parameters(model)):
        drawn = values(seed, number, parameter.numel(), parameter.dim() == 1)
        parameter.copy_(torch.from_numpy(drawn).view(parameter.shape))
    return model
