"""The programs that minimind-dpo is measured against, and the Python that runs them."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from budget import Budget
from processes import Failed, Stopped, run
from workload import Workload

PEERS = Path(__file__).resolve().parents[1] / "peers"
# In the order in which they take turns; what the tables call them.
NAMES = {
    "padded": "MiniMind-style, padded to the maximum",
    "trl": "TRL",
    "plain": "plain PyTorch, padded to the longest",
}
TRL = "trl==1.16.0"
# What `padded_ddp.py` and `trl_dpo.py` need.
NEEDED = {"padded": ("torch",), "plain": ("torch",), "trl": ("torch", "transformers", "trl", "datasets")}


@dataclass
class Rate:
    """What a peer did with one batch size."""

    pairs_per_second: float
    peak_memory: int | None
    losses: list[float]
    # Whose code the model is.
    model: str
    others: dict


class Peers:
    def __init__(self, folder: Path, device: str, precision: str, environment: dict[str, str], threads: int) -> None:
        self.folder, self.device, self.precision, self.environment, self.threads = folder, device, precision, environment, threads
        self.python = sys.executable
        # Each record makes TRL wait for the device; on a GPU most are left out.
        self.trl_logging = 4 if device == "cuda" else 1
        # Why a peer cannot run, for those that cannot.
        self.missing: dict[str, str] = {}

    def prepare(self, budget: Budget, limit: float, wheels: str | None) -> None:
        """Finds what the peers import, and installs TRL into an environment of its own where it is missing, if pip can."""
        if lacks := self.lacking("trl"):
            if "torch" in lacks:
                self.missing = dict.fromkeys(NAMES, "this Python has no PyTorch")
                return
            try:
                self.install([TRL], budget.part(limit), wheels)
            except (Failed, Stopped) as error:
                reason = str(error).strip().splitlines()[-1][:200]
                self.missing["trl"] = f"{', '.join(lacks)} missing, and pip did not get TRL within {limit:.0f} s: {reason}"
        for name in NAMES:
            if name not in self.missing and (lacks := self.lacking(name)):
                self.missing[name] = f"{', '.join(lacks)} missing"

    def lacking(self, name: str) -> list[str]:
        """The packages of a peer that this Python does not have."""
        question = f"import importlib.util as u; print(*[n for n in {NEEDED[name]} if u.find_spec(n) is None])"
        return run([self.python, "-c", question], Budget(20), 20).check().stdout.split()

    def install(self, packages: list[str], budget: Budget, wheels: str | None) -> None:
        """Puts packages into a virtual environment that also sees those of this Python, which stay as they are."""
        environment = self.folder / "python"
        run([sys.executable, "-m", "venv", "--without-pip", str(environment)], budget, 20).check()
        python = environment / "bin" / "python3"
        where = "import sysconfig, json; print(json.dumps([sysconfig.get_path('purelib'), sysconfig.get_path('platlib')]))"
        [own, _] = json.loads(run([str(python), "-c", where], budget, 10).check().stdout)
        seen = json.loads(run([sys.executable, "-c", where], budget, 10).check().stdout)
        (Path(own) / "seen.pth").write_text("".join(f"{path}\n" for path in dict.fromkeys(seen)))
        # PyTorch is the installed one: another would be a large download, and not what our program runs on.
        torch = run([sys.executable, "-c", "import importlib.metadata as m; print(m.version('torch'))"], budget, 10).check()
        constraints = self.folder / "constraints.txt"
        constraints.write_text(f"torch=={torch.stdout.strip()}\n")
        run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--retries", "0", "--timeout", "5",
             "--disable-pip-version-check", "--constraint", str(constraints),
             *(["--no-index", "--find-links", wheels] if wheels else []), *packages], budget, budget.left).check()
        self.python = str(python)

    def command(self, name: str, work: Workload, batches: dict[int, int], warm_up: int) -> list[str]:
        """The peer's script with its arguments, without the interpreter."""
        script = "trl_dpo.py" if name == "trl" else "padded_ddp.py"
        padding = {"padded": ["--padding", "max"], "plain": ["--padding", "longest"], "trl": ["--logging-steps", str(self.trl_logging)]}[name]
        if name != "trl":
            padding += ["--max-length", str(work.size.max_length)]
        return [
            str(PEERS / script), "--model", str(work.model), "--pairs", str(work.ids), "--device", self.device, "--precision",
            self.precision, "--warm-up", str(warm_up), "--threads", str(self.threads), "--batch", *map(str, batches), "--steps",
            *map(str, batches.values()), *padding]

    def measure(
        self, name: str, work: Workload, budget: Budget, limit: float, batches: dict[int, int] | None = None,
        more: list[str] | None = None, launch: list[str] | None = None, environment: dict[str, str] | None = None,
    ) -> dict[int, Rate]:
        """What the peer did with each batch size, as far as it got before its time was up."""
        batches = batches or work.size.batches
        command = [self.python, *(launch or []), *self.command(name, work, batches, work.size.warm_up), *(more or [])]
        environment = self.environment if environment is None else environment
        output = run(command, budget, limit, environment | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"})
        rows = [json.loads(line) for line in output.lines if line.startswith("{")]
        if not rows:
            output.check()
        return {batch: rate(row) for batch, row in zip(batches, rows)}


def rate(row: dict) -> Rate:
    known = {"pairs", "seconds", "losses", "peak_memory_bytes", "model"}
    others = {name: value for name, value in row.items() if name not in known}
    return Rate(row["pairs"] / row["seconds"], row.get("peak_memory_bytes"), row["losses"], row.get("model", "transformers"), others)


def first_device(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Only the first GPU, for what is measured on one: with several, TRL's trainer would take them all."""
    visible = (environment or os.environ).get("CUDA_VISIBLE_DEVICES", "0")
    return {"CUDA_VISIBLE_DEVICES": visible.split(",")[0]}
