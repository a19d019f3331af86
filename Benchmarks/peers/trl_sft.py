"""TRL's SFTTrainer on token ids from a file; prints one JSON object for each way of packing: tokens, seconds of its steps, losses.

    python3 trl_sft.py --model FOLDER --texts texts.jsonl --ways padded:4:1 padding_free:4:1 bfd:1:4 --threads 2

A line of `texts.jsonl` has `ids` and `mask`, 1 on the tokens to learn. SFTTrainer is unchanged; it reads ids and labels instead of
texts, so both trainers learn from the same tokens. A way is `NAME:ROWS:ACCUMULATED`: `padded`, rows filled up to the longest of
their batch; `padding_free`, the texts of a batch in one row; `bfd`, its best packing: texts of several lengths in rows of
--max-length tokens. Rows of a micro-batch, and micro-batches of a step. Gradient checkpointing, which its configuration turns on by
default, is off: it would only make TRL slower. So is the mixed precision that it turns on by default: both compute in float32.
`tokens` are those of the texts, padding not counted.
"""

import argparse
import json
import logging
import sys
import tempfile
import time

import torch
from datasets import Dataset, disable_progress_bars
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

from trl_dpo import Clock


class ProcessorClock(Clock):
    """Counts the processor's time beside the time on the wall."""

    def on_step_begin(self, *arguments, **others):
        super().on_step_begin(*arguments, **others)
        if arguments[1].global_step == self.warm_up:
            self.processor = time.process_time()

    def on_step_end(self, *arguments, **others):
        super().on_step_end(*arguments, **others)
        if arguments[1].global_step == self.steps:
            self.processor = time.process_time() - self.processor


class OrderedTrainer(SFTTrainer):
    def _get_train_sampler(self, *_):
        return torch.utils.data.SequentialSampler(self.train_dataset)


def measure(rows: list[dict], way: str, options: argparse.Namespace) -> dict:
    name, batch, accumulated = way.split(":")
    words = Tokenizer(models.WordLevel({f"t{i}": i for i in range(8)}, unk_token="t0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="t0", eos_token="t2", unk_token="t0")
    texts = Dataset.from_list([
        {"input_ids": row["ids"],
         "labels": [id if target else -100 for id, target in zip(row["ids"], row["mask"], strict=True)]} for row in rows])
    with tempfile.TemporaryDirectory() as folder:
        trainer = OrderedTrainer(
            model=AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32, attn_implementation="sdpa"),
            processing_class=tokenizer, train_dataset=texts,
            args=SFTConfig(
                folder, per_device_train_batch_size=int(batch), gradient_accumulation_steps=int(accumulated),
                num_train_epochs=1, learning_rate=options.learning_rate, lr_scheduler_type="linear", max_grad_norm=1.0,
                max_length=options.max_length if name == "bfd" else None, packing=name == "bfd", padding_free=name == "padding_free",
                optim="adamw_torch", logging_steps=1, save_strategy="no", report_to="none", use_cpu=True, bf16=False,
                gradient_checkpointing=False, disable_tqdm=True, dataloader_pin_memory=False))
        loader = trainer.get_train_dataloader()
        steps = -(-len(loader) // int(accumulated))
        clock = ProcessorClock(torch.device("cpu"), 0, steps)
        trainer.add_callback(clock)
        # Its log lines go to stdout.
        stdout, sys.stdout = sys.stdout, sys.stderr
        trainer.train()
        sys.stdout = stdout
    losses = [record["loss"] for record in trainer.state.log_history if "loss" in record]
    tokens = sum(len(row["ids"]) for row in rows)
    return {"way": way, "tokens": tokens, "seconds": clock.end - clock.begin, "steps": steps, "losses": losses,
            "processor_seconds": clock.processor}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--texts", required=True)
    parser.add_argument("--ways", nargs="+", default=["bfd:1:4"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-length", type=int, default=1024)
    parser.add_argument("--learning-rate", type=float, default=2e-5)
    options = parser.parse_args()

    logging.disable(logging.WARNING)
    disable_progress_bars()
    torch.set_num_threads(options.threads)
    with open(options.texts, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for way in options.ways:
        print(json.dumps(measure(rows, way, options)), flush=True)


if __name__ == "__main__":
    main()
