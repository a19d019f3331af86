"""The model that config.json describes, in plain PyTorch, for machines without transformers.

Operator for operator what transformers does with Qwen3 and Llama, which are the architectures of MiniMind's models: the norms in float32, the
rotation by halves, LibTorch's fused attention, SwiGLU. It has less Python around it, so as a peer it is slightly faster.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as functional
from torch import nn


class Norm(nn.Module):
    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(width)), epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.float()
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + self.epsilon)
        return self.weight * y.to(x.dtype)


def rotated(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine


class Attention(nn.Module):
    def __init__(self, config: SimpleNamespace) -> None:
        super().__init__()
        width, self.head = config.hidden_size, config.head_dim
        queries, keys = config.num_attention_heads * self.head, config.num_key_value_heads * self.head
        self.q_proj, self.k_proj = nn.Linear(width, queries, bias=False), nn.Linear(width, keys, bias=False)
        self.v_proj, self.o_proj = nn.Linear(width, keys, bias=False), nn.Linear(queries, width, bias=False)
        if config.model_type == "qwen3":
            self.q_norm, self.k_norm = Norm(self.head, config.rms_norm_eps), Norm(self.head, config.rms_norm_eps)
        else:
            self.q_norm = self.k_norm = nn.Identity()

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        def heads(y: torch.Tensor) -> torch.Tensor:
            return y.unflatten(-1, (-1, self.head))

        q, k = self.q_norm(heads(self.q_proj(x))).transpose(1, 2), self.k_norm(heads(self.k_proj(x))).transpose(1, 2)
        v = heads(self.v_proj(x)).transpose(1, 2)
        q, k = rotated(q, cosine, sine), rotated(k, cosine, sine)
        # Of the fused kernels only the one for half precision on a GPU supports grouped queries; for the others keys are repeated.
        is_grouped = q.is_cuda and torch.is_autocast_enabled("cuda")
        if not is_grouped:
            groups = q.shape[1] // k.shape[1]
            k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=is_grouped)
        return self.o_proj(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, config: SimpleNamespace) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gate_proj, self.up_proj = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config: SimpleNamespace) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(config), FeedForward(config)
        self.input_layernorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = Norm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cosine, sine)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, config: SimpleNamespace) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = Norm(config.hidden_size, config.rms_norm_eps)


class Model(nn.Module):
    """Called as transformers' models are."""

    def __init__(self, config: SimpleNamespace) -> None:
        super().__init__()
        self.model, self.config = Body(config), config
        # Its matrix is that of the embedding.
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, input_ids: torch.Tensor, use_cache: bool = False) -> SimpleNamespace:
        x = self.model.embed_tokens(input_ids)
        positions = torch.arange(input_ids.shape[1], device=x.device, dtype=torch.float32)
        exponents = torch.arange(0, self.config.head_dim, 2, device=x.device, dtype=torch.float32) / self.config.head_dim
        angles = torch.outer(positions, self.config.rope_theta ** -exponents)
        angles = torch.cat([angles, angles], dim=-1)
        cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        for layer in self.model.layers:
            x = layer(x, cosine, sine)
        return SimpleNamespace(logits=self.lm_head(self.model.norm(x)))


def load(folder: str) -> Model:
    """The model of a folder with config.json and model.safetensors, in float32."""
    values = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    supported = {
        "model_type": ("qwen3", "llama"), "hidden_act": ("silu",), "attention_bias": (None, False), "mlp_bias": (None, False),
        "rope_scaling": (None,), "tie_word_embeddings": (True,)}
    for name, known in supported.items():
        if values.get(name) not in known:
            raise SystemExit(f"{folder}/config.json: {name} is {values.get(name)}; such a model takes transformers")
    config = SimpleNamespace(**values)
    config.head_dim = values.get("head_dim") or config.hidden_size // config.num_attention_heads
    model = Model(config)
    weights = read_safetensors(Path(folder) / "model.safetensors")
    weights.setdefault("lm_head.weight", weights["model.embed_tokens.weight"])
    model.load_state_dict(weights)
    return model


def read_safetensors(file: Path) -> dict[str, torch.Tensor]:
    """All tensors of a file: eight bytes with the header's length, the header in JSON, and the values that it points into."""
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
    data = bytearray(file.read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(data[start + begin: start + end], dtype=types[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"]).float()
    return tensors
