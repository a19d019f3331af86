"""TRL's DPOTrainer on token ids from a file; prints one JSON object for each batch size: pairs, seconds of its steps on the wall and of
the processor, losses.

    python3 trl_dpo.py --model FOLDER --pairs pairs.jsonl --batch 4 --threads 2 [--cached]
    python3 trl_dpo.py --model FOLDER --pairs pairs.jsonl --batch 4 16 --steps 48 24 --device cuda --precision bf16 --warm-up 3

`pairs.jsonl` is what `minimind-dpo data --dump` writes. DPOTrainer is unchanged except that it reads ids instead of texts, so
both trainers learn from exactly the same tokens. Gradient checkpointing, which its configuration turns on by default, is off: it
would only make TRL slower. On a GPU, weights stay float32 and bf16 is its mixed precision, AdamW is the fused one, its default, and the clock waits for the device. Warm-up steps belong to the run but are not timed; `losses` includes theirs.
"""

import argparse
import gc
import json
import logging
import sys
import tempfile
import time

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from tokenizers import Tokenizer, models
from trl import DPOConfig, DPOTrainer

from pairs import forget_peak, memory, now, padded, read, with_warm_up


class Collator:
    """Both sides of every pair, padded to the longest, as DPOTrainer's own collator does."""

    def __call__(self, examples):
        sides = [(e[f"{side}_ids"], e[f"{side}_mask"]) for side in ("chosen", "rejected") for e in examples]
        batch = {"input_ids": padded([ids for ids, _ in sides]), "completion_mask": padded([mask for _, mask in sides]),
                 "attention_mask": padded([[1] * len(ids) for ids, _ in sides])}
        # There once DPOTrainer has computed them, with precompute_ref_log_probs.
        for name in ("ref_chosen_logps", "ref_rejected_logps"):
            if name in examples[0]:
                batch[name] = torch.tensor([e[name] for e in examples])
        return batch


class IdTrainer(DPOTrainer):
    def _prepare_dataset(self, dataset, *_):
        return dataset

    def _get_train_sampler(self, *_):
        return torch.utils.data.SequentialSampler(self.train_dataset)


class Clock(TrainerCallback):
    """Wall time from the beginning of the first measured step to the end of the last."""

    def __init__(self, device: torch.device, warm_up: int, steps: int) -> None:
        self.device, self.warm_up, self.steps = device, warm_up, steps

    def on_step_begin(self, _, state, *__, **___):
        if state.global_step == self.warm_up:
            forget_peak(self.device)
            self.begin, self.processor = now(self.device), time.process_time()

    def on_step_end(self, _, state, *__, **___):
        # Only at the end: waiting after each step would slow down what is measured.
        if state.global_step == self.steps:
            self.end, self.processor = now(self.device), time.process_time() - self.processor


def measure(rows: list[dict], warm_up: int, batch: int, device: torch.device, options: argparse.Namespace) -> dict:
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(8)}, unk_token="t0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="t0", eos_token="t2", unk_token="t0")

    def load():
        return AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)

    steps = -(-len(rows) // batch)
    clock = Clock(device, warm_up, steps)
    on_gpu = device.type == "cuda"
    with tempfile.TemporaryDirectory() as folder:
        trainer = IdTrainer(
            model=load(), ref_model=load(), processing_class=tokenizer, data_collator=Collator(), callbacks=[clock],
            train_dataset=Dataset.from_list([
                {"prompt": "", "chosen": "", "rejected": "",
                 "chosen_ids": row["chosen_ids"], "rejected_ids": row["rejected_ids"],
                 "chosen_mask": [int(x) for x in row["chosen_mask"]],
                 "rejected_mask": [int(x) for x in row["rejected_mask"]]} for row in rows]),
            args=DPOConfig(
                folder, per_device_train_batch_size=batch, num_train_epochs=1, beta=0.1,
                learning_rate=options.learning_rate, lr_scheduler_type="linear", max_grad_norm=1.0,
                optim="adamw_torch_fused" if on_gpu else "adamw_torch",
                logging_steps=options.logging_steps, save_strategy="no", report_to="none", use_cpu=not on_gpu,
                bf16=options.precision == "bf16", gradient_checkpointing=False, disable_tqdm=True,
                remove_unused_columns=False, dataloader_pin_memory=on_gpu, precompute_ref_log_probs=options.cached))
        # Its log lines go to stdout.
        stdout, sys.stdout = sys.stdout, sys.stderr
        trainer.train()
        sys.stdout = stdout
    losses = [record["loss"] for record in trainer.state.log_history if "loss" in record]
    return {"pairs": len(rows) - warm_up * batch, "seconds": clock.end - clock.begin,
            "processor_seconds": clock.processor, "losses": losses} | memory(device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--batch", type=int, nargs="+", default=[4], help="one measurement for each")
    parser.add_argument("--steps", type=int, nargs="+", help="steps that are measured, for each batch size; without, all pairs")
    parser.add_argument("--warm-up", type=int, default=0, help="steps before those, with the pairs of the last of them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--learning-rate", type=float, default=1e-6)
    parser.add_argument("--logging-steps", type=int, default=1, help="each of `losses` is a mean of so many steps")
    parser.add_argument("--cached", action="store_true", help="the reference's log-probabilities computed beforehand")
    options = parser.parse_args()
    steps = options.steps or [None] * len(options.batch)

    logging.disable(logging.WARNING)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    pairs = read(options.pairs)
    for batch, count in zip(options.batch, steps, strict=True):
        rows = with_warm_up(pairs, batch, count, options.warm_up)
        print(json.dumps(measure(rows, options.warm_up, batch, device, options)), flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
