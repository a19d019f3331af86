"""The defaults of `transformers` for keys that a config.json leaves out, and how it reads rotary embeddings.

    python3 Tools/reference/configurations.py

Writes Tests/MiniMindTests/Goldens/configurations.json:

    cases           [{config, values}]: what a config.json says, and the value of every key that the program reads
    null_refused    for each model_type the keys for which null is an error
    rope            [{config, theta, frequencies, amplitude}]: the angles of the model's own rotary embedding

The values of qwen3, qwen3_moe, qwen2 and llama are read from the configuration classes of `transformers`. Those of minimind are the defaults
of MiniMind's own class, `MiniMindConfig` in its public `model/model_minimind.py`, written down here.
"""

import math

from transformers import LlamaConfig, Qwen2Config, Qwen3Config, Qwen3MoeConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding
from transformers.models.qwen3.modeling_qwen3 import Qwen3RotaryEmbedding
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeRotaryEmbedding

from tiny import TESTS, deterministic, write_json

CLASSES = {"qwen3": (Qwen3Config, Qwen3RotaryEmbedding), "qwen2": (Qwen2Config, Qwen2RotaryEmbedding),
           "llama": (LlamaConfig, LlamaRotaryEmbedding), "qwen3_moe": (Qwen3MoeConfig, Qwen3MoeRotaryEmbedding)}
NUMBERS = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
           "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps"]
# Keys that may say something this program does not support; their defaults must be the supported values.
SWITCHES = {"hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "use_sliding_window": False}


def copied(value):
    return {key: copied(member) for key, member in value.items()} if isinstance(value, dict) else value


def values(config: dict) -> dict:
    given = copied(config)
    name = given.pop("model_type")
    if name == "minimind":
        hidden, heads = given.get("hidden_size", 768), given.get("num_attention_heads", 8)
        known = {"vocab_size": 6400, "hidden_size": hidden, "num_hidden_layers": 8, "num_attention_heads": heads,
                 "num_key_value_heads": 4, "head_dim": hidden // heads,
                 "intermediate_size": math.ceil(hidden * math.pi / 64) * 64, "max_position_embeddings": 32768,
                 "rms_norm_eps": 1e-6, "tie_word_embeddings": True, "rope_theta": 1e6, "eos_token_id": 2}
        return {key: given.get(key, value) for key, value in known.items()}
    made = CLASSES[name][0](**given)
    for key, supported in SWITCHES.items():
        assert getattr(made, key, supported) == supported, key
    # Qwen2's and Qwen3-MoE's classes have no head_dim; their attention takes one that is there, and else divides.
    absent = {"head_dim": made.hidden_size // made.num_attention_heads}
    found = {key: getattr(made, key, absent.get(key)) for key in [*NUMBERS, "tie_word_embeddings", "eos_token_id"]}
    return found | {"rope_theta": made.rope_parameters["rope_theta"]}


def refuses_null(name: str, key: str) -> bool:
    try:
        CLASSES[name][0](**{key: None})
        return False
    except Exception as error:
        assert "expected" in str(error), error
        return True


def rope(config: dict) -> dict:
    given = copied(config)
    configuration, rotary = CLASSES[given.pop("model_type")]
    made = configuration(head_dim=16, num_attention_heads=4, hidden_size=64, **given)
    embedding = rotary(made)
    return {"config": config, "theta": made.rope_parameters["rope_theta"],
            "frequencies": embedding.inv_freq.double().tolist(), "amplitude": float(embedding.attention_scaling)}


def main() -> None:
    cases = []
    for name in ("qwen3", "qwen2", "llama", "minimind", "qwen3_moe"):
        for given in ({}, {"num_attention_heads": 64}, {"hidden_size": 512, "num_attention_heads": 16},
                      {"rope_theta": 5e5}, {"eos_token_id": [2, 5]}, {"head_dim": 64}):
            if name in ("qwen3", "qwen2") and given.get("num_attention_heads") == 16:
                continue  # 32 key and value heads do not divide into 16
            config = {"model_type": name} | given
            cases.append({"config": config, "values": values(config)})
    for name in CLASSES:
        for given in ({"num_key_value_heads": None, "num_attention_heads": 16}, {"eos_token_id": None},
                      {"rope_scaling": None}, {"rope_parameters": None}):
            if name == "qwen3_moe" and "num_key_value_heads" in given:
                continue  # this class refuses null there
            config = {"model_type": name} | given
            cases.append({"config": config, "values": values(config)})
    config = {"model_type": "llama", "head_dim": None, "num_attention_heads": 16}
    cases.append({"config": config, "values": values(config)})

    llama3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    spellings = [
        {},
        {"rope_theta": 3e4},
        {"rope_parameters": {"rope_type": "default"}, "rope_theta": 3e4},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}, "rope_theta": 3e4},
        {"rope_parameters": {"factor": 2.0}},
        {"rope_scaling": {}, "rope_theta": 3e4},
        {"rope_scaling": {"type": "linear", "factor": 2.0}},
        {"rope_scaling": {"rope_theta": 7e4, "rope_type": "linear", "factor": 2.0}, "rope_theta": 3e4},
        {"rope_scaling": {"rope_type": "linear", "factor": 2.0},
         "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}},
        {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
        {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}, "max_position_embeddings": 512},
        {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}, "original_max_position_embeddings": 128},
        {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 256},
         "original_max_position_embeddings": 128},
        {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "attention_factor": None, "beta_fast": None},
         "max_position_embeddings": 512},
        {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "attention_factor": 1.0, "beta_fast": 16, "beta_slow": 2},
         "max_position_embeddings": 512},
        {"rope_scaling": {"rope_type": "llama3", **llama3}},
        {"rope_scaling": {"rope_type": "llama3", **llama3, "original_max_position_embeddings": 64}},
        {"rope_scaling": {"rope_type": "llama3", **llama3}, "max_position_embeddings": 128},
    ]
    golden = {
        "cases": cases,
        "null_refused": {name: [key for key in NUMBERS if refuses_null(name, key)] for name in CLASSES},
        "rope": [rope({"model_type": name} | spelling) for name in CLASSES for spelling in spellings],
    }
    write_json(TESTS / "MiniMindTests" / "Goldens" / "configurations.json", golden, indent=None)


if __name__ == "__main__":
    deterministic(0)
    main()
