"""TRL's DPOTrainer on token ids from a file; prints one JSON object: pairs, seconds of its steps, losses.

    python3 trl_dpo.py --model FOLDER --pairs pairs.jsonl --batch 4 --threads 2 [--cached]

`pairs.jsonl` is what `minimind-dpo data --dump` writes. Everything that DPOTrainer does is its own but reading ids instead of texts, so
that both trainers learn from exactly the same tokens. Gradient checkpointing, which its configuration turns on by default, is off: it
would only make TRL slower.
"""

import argparse
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


def padded(rows: list[list[int]]) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [0] * (width - len(row)) for row in rows])


class Collator:
    """Both sides of every pair, padded to the longest, as DPOTrainer's own collator does it."""

    def __call__(self, examples):
        sides = [(e[f"{side}_ids"], e[f"{side}_mask"]) for side in ("chosen", "rejected") for e in examples]
        batch = {"input_ids": padded([ids for ids, _ in sides]), "completion_mask": padded([mask for _, mask in sides]),
                 "attention_mask": padded([[1] * len(ids) for ids, _ in sides])}
        # DPOTrainer has put them there where it computed the reference beforehand.
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
    """Wall-clock time from the first step's beginning to the last one's end."""

    def on_step_begin(self, *_, **__):
        self.begin = getattr(self, "begin", None) or time.perf_counter()

    def on_step_end(self, *_, **__):
        self.end = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=1e-6)
    parser.add_argument("--cached", action="store_true", help="the reference's log-probabilities computed beforehand")
    options = parser.parse_args()

    logging.disable(logging.WARNING)
    torch.set_num_threads(options.threads)
    rows = [json.loads(line) for line in open(options.pairs, encoding="utf-8")]
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(8)}, unk_token="t0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="t0", eos_token="t2", unk_token="t0")

    def load():
        return AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = IdTrainer(
            model=load(), ref_model=load(), processing_class=tokenizer, data_collator=Collator(), callbacks=[clock],
            train_dataset=Dataset.from_list([
                {"prompt": "", "chosen": "", "rejected": "",
                 "chosen_ids": row["chosen_ids"], "rejected_ids": row["rejected_ids"],
                 "chosen_mask": [int(x) for x in row["chosen_mask"]],
                 "rejected_mask": [int(x) for x in row["rejected_mask"]]} for row in rows]),
            args=DPOConfig(
                folder, per_device_train_batch_size=options.batch, num_train_epochs=1, beta=0.1,
                learning_rate=options.learning_rate, lr_scheduler_type="linear", max_grad_norm=1.0, optim="adamw_torch",
                logging_steps=1, save_strategy="no", report_to="none", use_cpu=True, bf16=False,
                gradient_checkpointing=False, disable_tqdm=True, remove_unused_columns=False,
                dataloader_pin_memory=False, precompute_ref_log_probs=options.cached))
        # Its log lines go to stdout.
        stdout, sys.stdout = sys.stdout, sys.stderr
        trainer.train()
        sys.stdout = stdout
    losses = [record["loss"] for record in trainer.state.log_history if "loss" in record]
    print(json.dumps({"pairs": len(rows), "seconds": clock.end - clock.begin, "losses": losses}))


if __name__ == "__main__":
    main()
