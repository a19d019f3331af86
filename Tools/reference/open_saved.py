"""Opens saved models as users would, and writes the logits that they compute.

    python3 Tools/reference/open_saved.py FOLDER…

Each folder holds a config.json and either model.safetensors, and is then opened by `AutoModelForCausalLM`, or weights.pth,
opened by `torch.load` with its defaults (weights_only=True) and loaded strictly into the model that config.json describes.
Writes logits.safetensors into the folder: `logits` [T, V] of the ids in its ids.json, computed in float32. MiniMindTests
calls this where the environment variable MINIMIND_REFERENCE_PYTHON names an interpreter.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tiny import deterministic, write_tensors


def open_saved(folder: Path) -> torch.nn.Module:
    weights = folder / "weights.pth"
    if weights.exists():
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
        model.load_state_dict(torch.load(weights), strict=True)
        return model
    model, report = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")), (folder, report)
    if (folder / "adapter").exists():
        from peft import PeftModel

        return PeftModel.from_pretrained(model, folder / "adapter")
    return model


if __name__ == "__main__":
    deterministic(0)
    for folder in map(Path, sys.argv[1:]):
        ids = torch.tensor([json.loads((folder / "ids.json").read_text())])
        with torch.no_grad():
            logits = open_saved(folder).eval()(input_ids=ids, use_cache=False).logits[0]
        write_tensors(folder / "logits.safetensors", {"logits": logits})
