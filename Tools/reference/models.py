"""Logits, log-probabilities, gradient norms and greedy answers of tiny models, as `transformers` computes them.

    python3 Tools/reference/models.py

Writes Tests/MiniMindTests/Goldens/<name>/{config.json, model.safetensors, golden.safetensors}, and the state-dict key
lists of MiniMind-3 and MiniMind2. golden.safetensors holds, for every model:

    input_ids            [2, 40] int64
    logits               [2, 40, V] float32
    next_token_logprobs  [2, 39] float32, log p(input_ids[:, t + 1] | input_ids[:, :t + 1])

and for `qwen3`, `qwen2` and `llama` also:

    loss                 [1], the mean of -next_token_logprobs
    gradient_norm/NAME   [1], the 2-norm of the loss's gradient with respect to the parameter NAME
    generated_ids        [2, 24], the greedy continuation of input_ids[:, :12]
    generated_top_ids    [2, 24, 3] and generated_top_logits [2, 24, 3]: the three largest logits at each step
"""

import json
import math
from pathlib import Path

import torch
from transformers import (LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config,
                          Qwen3ForCausalLM)

from tiny import TESTS, deterministic, draw_weights, weights_of, write_json, write_tensors

GOLDENS = TESTS / "MiniMindTests" / "Goldens"
VOCABULARY, LENGTH, PROMPT, ANSWER = 256, 40, 12, 24
CLASSES = {"qwen3": Qwen3ForCausalLM, "qwen2": Qwen2ForCausalLM, "llama": LlamaForCausalLM}
SHARED = {
    "vocab_size": VOCABULARY,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def rope(theta: float, **scaling) -> dict:
    return {"rope_type": "default", "rope_theta": theta, **scaling}


def build(config, seed: int):
    config._attn_implementation = "eager"
    model = CLASSES[config.model_type](config).eval()
    draw_weights(model, torch.Generator().manual_seed(seed))
    return model


def tokens(seed: int) -> torch.Tensor:
    ids = torch.randint(0, VOCABULARY, (2, LENGTH), generator=torch.Generator().manual_seed(seed))
    ids[0, 0], ids[1, -1] = 0, VOCABULARY - 1
    return ids


@torch.no_grad()
def logits_of(model, ids: torch.Tensor) -> torch.Tensor:
    return model(input_ids=ids, use_cache=False).logits


def forward_golden(model, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    logits = logits_of(model, ids)
    logprobs = logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
    return {"input_ids": ids, "logits": logits, "next_token_logprobs": logprobs}


def training_golden(model, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """The mean next-token loss and what its gradient measures for each parameter (a tied table once, both uses)."""
    model.zero_grad()
    logits = model(input_ids=ids, use_cache=False).logits
    loss = -logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None]).mean()
    loss.backward()
    golden = {"loss": loss.detach().reshape(1)}
    for name, parameter in model.named_parameters():
        golden[f"gradient_norm/{name}"] = parameter.grad.norm().reshape(1)
    model.zero_grad()
    return golden


@torch.no_grad()
def generation_golden(model, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """The greedy answer of `generate` with its key/value cache; the end token is switched off, so all are 24 long."""
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    answer = model.generate(
        ids[:, :PROMPT], attention_mask=torch.ones(2, PROMPT, dtype=torch.long), do_sample=False,
        max_new_tokens=ANSWER, output_logits=True, return_dict_in_generate=True)
    top = torch.stack(answer.logits, dim=1).topk(3, dim=-1)
    margin = (top.values[..., 0] - top.values[..., 1]).min().item()
    assert margin > 2e-3, f"the two best tokens are only {margin} apart: draw other weights"
    generated = answer.sequences[:, PROMPT:]
    assert torch.equal(generated, top.indices[..., 0])
    return {"generated_ids": generated, "generated_top_ids": top.indices, "generated_top_logits": top.values}


def write_config(folder: Path, config, name: str = "config.json", **changes) -> None:
    values = json.loads(config.to_json_string(use_diff=False)) if not isinstance(config, dict) else dict(config)
    if not isinstance(config, dict):
        keep = {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                "num_key_value_heads", "head_dim", "hidden_act", "max_position_embeddings", "rms_norm_eps",
                "rope_parameters", "tie_word_embeddings", "model_type", "bos_token_id", "eos_token_id",
                "attention_bias", "attention_dropout"}
        kind = CLASSES[values["model_type"]].__name__
        values = {"architectures": [kind], "dtype": "float32"} | {k: v for k, v in values.items() if k in keep}
    values |= changes
    write_json(folder / name, {k: v for k, v in sorted(values.items()) if v is not ...}, indent=2)


def write_model(name: str, model, golden: dict, dtype=torch.float32) -> Path:
    folder = GOLDENS / name
    write_tensors(folder / "model.safetensors", {k: v.to(dtype) for k, v in weights_of(model).items()})
    write_tensors(folder / "golden.safetensors", golden)
    return folder


# MARK: - MiniMind-3's shape


def qwen3() -> None:
    """Head size 24 is not hidden/heads; QK-norm; tied."""
    config = Qwen3Config(**SHARED, hidden_size=64, head_dim=24, intermediate_size=64, rms_norm_eps=1e-6,
                         rope_parameters=rope(1e6), tie_word_embeddings=True)
    model, ids = build(config, 14), tokens(12)
    golden = forward_golden(model, ids) | training_golden(model, ids) | generation_golden(model, ids)
    write_config(write_model("qwen3", model, golden), config)


def qwen3_bf16() -> None:
    """Stored as bfloat16, computed in float32."""
    config = Qwen3Config(**SHARED, hidden_size=32, head_dim=24, intermediate_size=64, rms_norm_eps=1e-6,
                         rope_parameters=rope(1e6), tie_word_embeddings=True)
    model, ids = build(config, 21), tokens(22)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.bfloat16().float())
    folder = write_model("qwen3_bf16", model, forward_golden(model, ids), torch.bfloat16)
    write_config(folder, config, dtype="bfloat16")


def qwen3_yarn() -> None:
    """YaRN in three spellings.

    config.json (transformers 5: rope_parameters) and config_v4.json (transformers 4: rope_theta and rope_scaling)
    say the same: original length 32, so that the 40 positions show it, and no attention_factor, so that it is
    0.1·ln(factor) + 1. Their logits are `logits`. config_minimind.json is MiniMind's own switch with its own numbers
    (original length 2048, attention factor 1), for the same weights: `logits_minimind`.
    """
    scaling = {"rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 32, "beta_fast": 32.0,
               "beta_slow": 1.0}
    shape = SHARED | {"hidden_size": 32, "head_dim": 24, "intermediate_size": 64, "rms_norm_eps": 1e-6,
                      "tie_word_embeddings": True}
    config = Qwen3Config(**shape, rope_parameters=rope(1e4, **scaling))
    model, ids = build(config, 31), tokens(32)
    golden = forward_golden(model, ids)

    def with_rope(parameters, **changes):
        other = Qwen3ForCausalLM._from_config(Qwen3Config(**(shape | changes), rope_parameters=parameters),
                                              attn_implementation="eager").eval()
        other.load_state_dict(model.state_dict())
        return other

    plain = logits_of(with_rope(rope(1e4)), ids)
    assert (plain - golden["logits"]).abs().max() > 0.05, "YaRN does not show"

    # MiniMind: f·(1 − γ + γ/s), γ a linear ramp between the dimensions that turn beta_fast and beta_slow times.
    minimind_scaling = {"beta_fast": 32, "beta_slow": 1, "factor": 16, "original_max_position_embeddings": 2048,
                        "attention_factor": 1.0}
    other = with_rope(rope(1e6, **minimind_scaling) | {"rope_type": "yarn"}, max_position_embeddings=32768)
    half, theta = 12, 1e6
    turns = lambda beta: 24 * math.log(2048 / (beta * 2 * math.pi)) / (2 * math.log(theta))  # noqa: E731
    low, high = max(math.floor(turns(32)), 0), min(math.ceil(turns(1)), half - 1)
    ramp = ((torch.arange(half) - low) / (high - low)).clamp(0, 1)
    frequencies = theta ** (-torch.arange(half) / half) * (1 - ramp + ramp / 16)
    torch.testing.assert_close(other.model.rotary_emb.inv_freq, frequencies, rtol=1e-6, atol=0)
    golden["logits_minimind"] = logits_of(other, ids)
    plain = logits_of(with_rope(rope(1e6)), ids)
    assert (plain - golden["logits_minimind"]).abs().max() > 0.01, "MiniMind's YaRN does not show"

    folder = write_model("qwen3_yarn", model, golden)
    write_config(folder, config)
    write_config(folder, config, "config_v4.json", rope_parameters=..., dtype=..., torch_dtype="float32",
                 rope_theta=1e4, rope_scaling=scaling)
    loaded = Qwen3Config.from_json_file(folder / "config_v4.json")
    expected = {key: config.rope_parameters[key] for key in (*scaling, "rope_theta")}
    assert {key: loaded.rope_parameters[key] for key in expected} == expected
    write_config(folder, minimind_config(shape | {"max_position_embeddings": 32768}, scaled=True),
                 "config_minimind.json")


# MARK: - MiniMind's own config.json


def minimind_config(shape: dict, scaled: bool = False) -> dict:
    """What MiniMind-3's configuration class leaves in config.json."""
    return shape | {
        "architectures": ["MiniMindForCausalLM"], "model_type": "minimind", "dtype": "float32",
        "dropout": 0.0, "flash_attn": True, "hidden_act": "silu", "rope_theta": 1000000.0, "use_moe": False,
        "inference_rope_scaling": scaled,
        "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 16, "original_max_position_embeddings": 2048,
                         "attention_factor": 1.0, "type": "yarn"} if scaled else None,
        "num_experts": 4, "num_experts_per_tok": 1, "moe_intermediate_size": shape["intermediate_size"],
        "norm_topk_prob": True, "router_aux_loss_coef": 0.0005,
    }


def minimind() -> None:
    """model_type minimind with QK-norm: the same as a qwen3 of this shape. config_minimal.json holds only the keys that
    cannot be left out: head size hidden/heads, feed-forward ceil(hidden·π/64)·64, tied, theta 1e6 are defaults."""
    hidden = 32
    shape = SHARED | {"hidden_size": hidden, "head_dim": hidden // 4, "rms_norm_eps": 1e-6,
                      "intermediate_size": math.ceil(hidden * math.pi / 64) * 64, "tie_word_embeddings": True}
    model, ids = build(Qwen3Config(**shape, rope_parameters=rope(1e6)), 41), tokens(42)
    folder = write_model("minimind", model, forward_golden(model, ids))
    write_config(folder, minimind_config(shape))
    write_config(folder, {
        "model_type": "minimind", "hidden_size": hidden, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": VOCABULARY, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
        "max_position_embeddings": 512, "use_moe": False, "inference_rope_scaling": False,
    }, "config_minimal.json")


# MARK: - MiniMind2's shape, and Llama's


def llama() -> None:
    """No QK-norm, grouped heads, tied, eps 1e-5. config_minimind.json is what a MiniMind2 release writes for it:
    no head_dim, no tie_word_embeddings, and an intermediate_size that is null, 64·ceil(int(hidden·8/3)/64)."""
    hidden = 48
    feed_forward = 64 * math.ceil(int(hidden * 8 / 3) / 64)
    config = LlamaConfig(**SHARED, hidden_size=hidden, intermediate_size=feed_forward, rms_norm_eps=1e-5,
                         rope_parameters=rope(1e6), tie_word_embeddings=True)
    model, ids = build(config, 51), tokens(52)
    golden = forward_golden(model, ids) | training_golden(model, ids) | generation_golden(model, ids)
    folder = write_model("llama", model, golden)
    write_config(folder, config)
    write_config(folder, SHARED | {
        "architectures": ["MiniMindForCausalLM"], "model_type": "minimind", "torch_dtype": "float32",
        "hidden_size": hidden, "intermediate_size": None, "rms_norm_eps": 1e-5, "rope_theta": 1000000.0,
        "dropout": 0.0, "flash_attn": True, "hidden_act": "silu", "inference_rope_scaling": False,
        "rope_scaling": None, "use_moe": False, "num_experts_per_tok": 2, "n_routed_experts": 4,
        "n_shared_experts": 1, "scoring_func": "softmax", "aux_loss_alpha": 0.01, "seq_aux": True,
        "norm_topk_prob": True,
    }, "config_minimind.json")


def llama_untied() -> None:
    """An untied head; head_dim absent from the file; rope_theta as transformers 4 spells it."""
    config = LlamaConfig(**SHARED, hidden_size=32, intermediate_size=64, rms_norm_eps=1e-5,
                         rope_parameters=rope(1e4), tie_word_embeddings=False)
    model, ids = build(config, 61), tokens(62)
    folder = write_model("llama_untied", model, forward_golden(model, ids))
    write_config(folder, config, head_dim=..., rope_parameters=..., dtype=..., torch_dtype="float32",
                 rope_theta=10000.0)


def llama3_rope() -> None:
    """rope_type llama3, as Llama-3.x has it, with lengths scaled down so that 40 positions show it."""
    scaling = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 64}
    config = LlamaConfig(**SHARED, hidden_size=32, head_dim=16, intermediate_size=96, rms_norm_eps=1e-5,
                         rope_parameters=rope(5e3, **scaling), tie_word_embeddings=True)
    model, ids = build(config, 71), tokens(72)
    golden = forward_golden(model, ids)
    inverse = model.model.rotary_emb.inv_freq / 5e3 ** (-torch.arange(8) / 8)
    assert (inverse > 0.999).any() and (inverse < 0.126).any() and ((inverse > 0.13) & (inverse < 0.99)).any(), inverse
    folder = write_model("llama3_rope", model, golden)
    write_config(folder, config)
    write_config(folder, config, "config_v4.json", rope_parameters=..., dtype=..., torch_dtype="float32",
                 rope_theta=5e3, rope_scaling=scaling)


# MARK: - Models with biases


def qwen2() -> None:
    """Qwen2: biases on queries, keys and values, no QK-norm, tied; its config.json has no head_dim."""
    config = Qwen2Config(**SHARED, hidden_size=48, intermediate_size=64, rms_norm_eps=1e-6,
                         rope_parameters=rope(1e6), tie_word_embeddings=True)
    model, ids = build(config, 88), tokens(98)
    golden = forward_golden(model, ids) | training_golden(model, ids) | generation_golden(model, ids)
    write_config(write_model("qwen2", model, golden), config)


def llama_biases() -> None:
    """attention_bias: biases on all four projections."""
    config = LlamaConfig(**SHARED, hidden_size=32, intermediate_size=64, rms_norm_eps=1e-5, attention_bias=True,
                         rope_parameters=rope(1e4), tie_word_embeddings=False)
    model, ids = build(config, 91), tokens(92)
    write_config(write_model("llama_biases", model, forward_golden(model, ids)), config)


# MARK: - State-dict keys of the real sizes


def keys(config) -> dict:
    """Names and shapes as the model on the meta device gives them, and the number of parameters (a tied table once)."""
    with torch.device("meta"):
        model = CLASSES[config.model_type](config)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "tensors": {name: list(tensor.shape) for name, tensor in model.state_dict().items()},
    }


def write_keys() -> None:
    shared = {"vocab_size": 6400, "num_attention_heads": 8, "max_position_embeddings": 32768,
              "rope_parameters": rope(1e6), "tie_word_embeddings": True}
    minimind3 = keys(Qwen3Config(**shared, hidden_size=768, num_hidden_layers=8, num_key_value_heads=4, head_dim=96,
                                 intermediate_size=2432, rms_norm_eps=1e-6))
    minimind2 = {
        name: keys(LlamaConfig(**shared, hidden_size=hidden, num_hidden_layers=layers, num_key_value_heads=2,
                               intermediate_size=64 * math.ceil(int(hidden * 8 / 3) / 64), rms_norm_eps=1e-5))
        for name, hidden, layers in (("minimind2-small", 512, 8), ("minimind2", 768, 16))
    }
    write_json(GOLDENS / "minimind3_keys.json", minimind3, indent=None)
    write_json(GOLDENS / "minimind2_keys.json", minimind2, indent=None)
    print("parameters:", minimind3["parameters"], {name: value["parameters"] for name, value in minimind2.items()})


if __name__ == "__main__":
    deterministic(0)
    for make in (qwen3, qwen3_bf16, qwen3_yarn, minimind, llama, llama_untied, llama3_rope, qwen2,
                 llama_biases):
        make()
    write_keys()
