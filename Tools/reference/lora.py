"""Adapters of low rank: PEFT's logits, and ten steps of training by TRL with PEFT.

    python3 Tools/reference/lora.py

Writes
    Tests/MiniMindTests/Goldens/adapters/{plain, patterns, rslora, dora}/{adapter_config.json, adapter_model.safetensors}
    Tests/MiniMindTests/Goldens/adapters/minimind.pth       what MiniMind's save_lora writes
    Tests/MiniMindTests/Goldens/adapters/logits.safetensors for each of them every fourth logit, and the merged weight of one layer
    Tests/TrainingTests/Goldens/lora/{case}/…               the adapter before the first step
    Tests/TrainingTests/Goldens/lora/trajectories.json      options, and of each step loss, gradient norm and TRL's means

The models are those of `models.py` (qwen3) and `dpo_run.py` (dpo20). Factors that PEFT would set to 0 are drawn, so that a
mistake shows, but for a training that begins where its reference is. MiniMind's file is of rank 16 at the square layers,
float16; its logits are those of the weights W + B A. A step of a training takes the next four of dpo20's pairs in one
micro-batch. TRL's trainer gets a model with an adapter: its reference is that adapter as it was, which adds nothing but in
`continued`. It gets the pairs' own ids and masks, and decays all weights. AdamW's epsilon is 1e-6, as in `objective_runs.py`
and for its reason.
"""

import json
import logging
import shutil
import tempfile
from pathlib import Path

import torch
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM
from trl import DPOConfig

from dpo_run import GOLDENS, VOCABULARY
from objective_runs import DPO, LOGGED, collate_sides
from tiny import TESTS, deterministic, write_json, write_tensors

ADAPTERS = TESTS / "MiniMindTests" / "Goldens" / "adapters"
RUNS = GOLDENS / "lora"
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS, BATCH = 10, 4
OPTIONS = {
    "steps": STEPS, "batch_size": BATCH, "learning_rate": 5e-3, "lr_scheduler_type": "linear", "warmup_steps": 0,
    "weight_decay": 0.01, "adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-6, "max_grad_norm": 1.0,
    "beta": 0.1,
}


def config(**options) -> LoraConfig:
    return LoraConfig(task_type="CAUSAL_LM", **({"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]} | options))


@torch.no_grad()
def draw(model, generator: torch.Generator) -> None:
    """Draws the factors that begin with 0, and moves the lengths of DoRA."""
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
        elif "lora_magnitude" in name:
            parameter.mul_(torch.rand(parameter.shape, generator=generator) * 0.4 + 0.8)


def save(model, folder: Path) -> None:
    """The adapter and its configuration alone, without the paths of this machine."""
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        folder.mkdir(parents=True)
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copy(Path(scratch) / name, folder / name)
    path = folder / "adapter_config.json"
    settings = json.loads(path.read_text()) | {"base_model_name_or_path": "base"}
    settings["target_modules"] = (
        sorted(settings["target_modules"]) if isinstance(settings["target_modules"], list) else settings["target_modules"])
    path.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")


# MARK: - Logits


def logits_of(model, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=ids).logits[..., ::4]


def write_logits(generator: torch.Generator) -> None:
    folder = TESTS / "MiniMindTests" / "Goldens" / "qwen3"
    ids = load_file(folder / "golden.safetensors")["input_ids"]
    cases = {
        "plain": config(),
        "patterns": config(target_modules=r".*\.(self_attn\.[qko]|mlp\.(up|down))_proj",
                           rank_pattern={"k_proj": 2, r"layers\.1\.mlp\.up_proj": 3}, alpha_pattern={"mlp.*": 5}),
        "rslora": config(target_modules="all-linear", use_rslora=True),
        "dora": config(target_modules="all-linear", use_dora=True, r=3),
    }
    found = {"input_ids": ids}
    for name, settings in cases.items():
        base = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        model = get_peft_model(base, settings)
        draw(model, generator)
        save(model, ADAPTERS / name)
        found[name] = logits_of(model, ids)
        found[f"{name}.merged"] = model.merge_and_unload().model.layers[1].mlp.down_proj.weight.detach().clone()
    base = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    state = {}
    for name, module in base.named_modules():
        if isinstance(module, torch.nn.Linear) and module.weight.shape[0] == module.weight.shape[1]:
            size = module.weight.shape[0]
            a, b = (torch.randn(shape, generator=generator).mul(0.1).half() for shape in ((16, size), (size, 16)))
            state |= {f"{name}.lora.A.weight": a, f"{name}.lora.B.weight": b}
            module.weight.data += b.float() @ a.float()
    torch.save(state, ADAPTERS / "minimind.pth")
    found["minimind"] = logits_of(base, ids)
    write_tensors(ADAPTERS / "logits.safetensors", found)


# MARK: - Training


def trl_run(model: PeftModel, pairs: list[dict]) -> list[dict]:
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(VOCABULARY)}, unk_token="t0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="t0", eos_token="t2", unk_token="t0")
    options = {name: value for name, value in OPTIONS.items() if name not in ("steps", "batch_size")}
    with tempfile.TemporaryDirectory() as folder:
        trainer = DPO(
            model=model, processing_class=tokenizer, data_collator=collate_sides,
            train_dataset=Dataset.from_list([pair | {"prompt": "", "chosen": "", "rejected": ""} for pair in pairs]),
            args=DPOConfig(
                folder, max_steps=STEPS, per_device_train_batch_size=BATCH, optim="adamw_torch", logging_steps=1,
                save_strategy="no", report_to="none", use_cpu=True, bf16=False, gradient_checkpointing=False,
                disable_tqdm=True, remove_unused_columns=False, dataloader_pin_memory=False,
                logging_nan_inf_filter=False, loss_type=["sigmoid"], **options))
        trainer.train()
    return [{name: record[name] for name in LOGGED if name in record}
            for record in trainer.state.log_history if "loss" in record]


def write_runs(generator: torch.Generator) -> None:
    folder = GOLDENS / "dpo20"
    pairs = json.loads((folder / "pairs.json").read_text())[: STEPS * BATCH]
    cases = {
        "plain": config(),
        "rslora": config(target_modules=ALL, use_rslora=True),
        "dora": config(target_modules=ALL, use_dora=True),
        "continued": config(target_modules=ALL),
    }
    runs = {}
    for name, settings in cases.items():
        base = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        torch.manual_seed(7)
        model = get_peft_model(base, settings)
        if name == "continued":
            draw(model, generator)
        save(model, RUNS / name)
        runs[name] = trl_run(model, pairs)
        assert len(runs[name]) == STEPS
        print(f"{name:10}", *(f"{step['loss']:9.5f}" for step in runs[name]), " norms",
              *(f"{step['grad_norm']:8.3f}" for step in runs[name]), flush=True)
    lines = [json.dumps({"name": name, "steps": [{key: float(f"{value:.8g}") for key, value in step.items()} for step in steps]})
             for name, steps in runs.items()]
    text = ",\n".join(lines)
    (RUNS / "trajectories.json").write_text(f'{{"options": {json.dumps(OPTIONS)}, "cases": [\n{text}\n]}}\n')


def main() -> None:
    generator = deterministic(0)
    logging.disable(logging.WARNING)
    disable_progress_bars()
    write_logits(generator)
    write_runs(generator)


if __name__ == "__main__":
    main()
