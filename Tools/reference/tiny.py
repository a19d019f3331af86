"""What the reference scripts share: determinism, tiny models whose weights expose mistakes, small files."""

import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch  # noqa: E402  (the thread count must be in the environment first)
from safetensors.torch import save_file  # noqa: E402

TESTS = Path(__file__).resolve().parents[2] / "Tests"


def deterministic(seed: int) -> torch.Generator:
    """One thread, deterministic kernels, float32; returns the generator that every random number must come from."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.set_default_dtype(torch.float32)
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def draw_weights(model: torch.nn.Module, generator: torch.Generator, embedding_std: float = 0.1) -> None:
    """Redraws every parameter, so that a mistake shows: norm weights are not 1, activations keep their scale, and
    small embeddings let the epsilon of the first RMSNorm matter."""
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.copy_(torch.rand(parameter.shape, generator=generator) + 0.5)
        elif "embed_tokens" in name:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * embedding_std)
        else:
            fan_in = parameter.shape[-1]
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (1.2 / fan_in**0.5))


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state dict as a Hugging Face folder stores it: a tied head is stored once, as the embedding."""
    state = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    return state


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"})


def write_json(path: Path, value, indent: int | None = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")
