"""DPO in plain PyTorch, as MiniMind's users run it today: both sides of a pair padded, all logits, DistributedDataParallel.

    python3 padded_ddp.py --model FOLDER --pairs pairs.jsonl --batch 4 --steps 48 --device cuda --precision bf16 --warm-up 3
    python3 padded_ddp.py … --padding longest
    torchrun --nproc-per-node 8 padded_ddp.py …

`pairs.jsonl` is what `minimind-dpo data --dump` writes. Prints one JSON object for each batch size: pairs, seconds, losses and, on a GPU,
the peak of memory that tensors took. `--padding max` fills every side up to --max-length, which is what MiniMind's loader does;
`--padding longest` up to the longest side of the batch, the obvious improvement: "plain PyTorch" in the tables.

The model is transformers' own with LibTorch's fused attention, or that of eager_model.py where transformers is not installed; "model" says
which. Padding is on the right, where causal attention does not see it, so no mask
is given and the fastest kernel can be used. Policy and reference run over all padded tokens, in autocast for bf16 with float32
weights; the loss, AdamW and clipping are PyTorch's, with defaults. Tokenizing and padding are done before the clock starts, and nothing
waits for the device between two steps: both make it faster than what it represents. β, schedule and clipping are minimind-dpo's
defaults, so that the losses can be compared.
"""

import argparse
import gc
import json
import os

import torch
import torch.distributed
import torch.nn.functional as functional
from torch.nn.parallel import DistributedDataParallel

try:
    from transformers import AutoModelForCausalLM
except ImportError:
    AutoModelForCausalLM = None

import eager_model
from pairs import forget_peak, memory, now, padded, read, with_warm_up
from profiled import profiled

RANK, WORLD = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def log_probabilities(model: torch.nn.Module, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """log π of each row: the sum over its target tokens."""
    logits = model(input_ids=ids[:, :-1], use_cache=False).logits
    each = logits.log_softmax(dim=-1).gather(2, ids[:, 1:, None]).squeeze(2)
    return (each * targets[:, 1:]).sum(1)


class Run:
    """A policy, its reference, and steps of DPO over the pairs in order."""

    def __init__(self, rows: list[dict], batch: int, device: torch.device, options: argparse.Namespace) -> None:
        self.rows, self.batch, self.device, self.options = rows, batch, device, options
        self.width = options.max_length if options.padding == "max" else None
        self.steps = len(rows) // (batch * WORLD)
        self.policy = self.load().train()
        self.reference = self.load().eval().requires_grad_(False)
        if WORLD > 1:
            self.policy = DistributedDataParallel(
                self.policy, device_ids=[device.index] if device.type == "cuda" else None)
        self.optimizer = torch.optim.AdamW(
            self.policy.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: max(0, 1 - step / self.steps))
        self.inputs = [self.share(step) for step in range(self.steps)]

    def load(self) -> torch.nn.Module:
        folder = self.options.model
        if self.options.eager_model:
            return eager_model.load(folder).to(self.device)
        return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").to(self.device)

    def share(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids and targets [2 · batch, width] of this rank's pairs, chosen sides first."""
        first = (step * WORLD + RANK) * self.batch
        rows = self.rows[first: first + self.batch]
        both = []
        for kind in ("ids", "mask"):
            sides = [[int(x) for x in row[f"{side}_{kind}"]] for side in ("chosen", "rejected") for row in rows]
            tensor = padded(sides, self.width)
            both.append(tensor.pin_memory() if self.device.type == "cuda" else tensor)
        return both[0], both[1]

    def step(self, number: int) -> torch.Tensor:
        """One step; the loss stays on the device."""
        ids, targets = (tensor.to(self.device, non_blocking=True) for tensor in self.inputs[number % self.steps])
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.precision == "bf16"):
            with torch.no_grad():
                reference = log_probabilities(self.reference, ids, targets)
            policy = log_probabilities(self.policy, ids, targets)
        chosen, rejected = (policy - reference).chunk(2)
        loss = -functional.logsigmoid(self.options.beta * (chosen - rejected)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def measure(self, warm_up: int) -> dict:
        losses = [self.step(number) for number in range(warm_up)]
        self.meet()
        forget_peak(self.device)
        begin = now(self.device)
        losses += [self.step(number) for number in range(warm_up, self.steps)]
        end = now(self.device)
        self.meet()
        together = torch.stack(losses)
        if WORLD > 1:
            torch.distributed.all_reduce(together)
        return {"pairs": (self.steps - warm_up) * self.batch * WORLD, "seconds": end - begin,
                "losses": (together / WORLD).tolist(), "model": "eager_model.py" if self.options.eager_model else "transformers",
                } | memory(self.device)

    def meet(self) -> None:
        if WORLD > 1:
            torch.distributed.barrier()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--pairs", required=True)
    parser.add_argument("--batch", type=int, nargs="+", default=[4], help="pairs of each process; one measurement for each")
    parser.add_argument("--steps", type=int, nargs="+", help="steps that are measured, for each batch size; without, all pairs")
    parser.add_argument("--warm-up", type=int, default=0, help="steps before those, with the pairs of the last of them")
    parser.add_argument("--padding", choices=["max", "longest"], default="max")
    parser.add_argument("--max-length", type=int, default=1024, help="longest side in tokens, the width of --padding max")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--learning-rate", type=float, default=1e-6)
    parser.add_argument("--weight-decay", type=float, default=0.0)
    parser.add_argument("--beta", type=float, default=0.1)
    parser.add_argument("--profile", type=int, default=0, help="steps to profile behind the measured ones: launches and idle time")
    parser.add_argument("--eager-model", action="store_true", help="the model of eager_model.py, also where transformers is installed")
    options = parser.parse_args()
    options.eager_model |= AutoModelForCausalLM is None

    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
        torch.cuda.set_device(device)
    if WORLD > 1:
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    pairs = read(options.pairs)
    for batch, steps in zip(options.batch, options.steps or [None] * len(options.batch), strict=True):
        run = Run(with_warm_up(pairs, batch * WORLD, steps, options.warm_up), batch, device, options)
        figures = run.measure(options.warm_up)
        if options.profile:
            figures |= profiled(run.step, options.profile)
        if RANK == 0:
            print(json.dumps(figures), flush=True)
        del run
        gc.collect()
    if WORLD > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
