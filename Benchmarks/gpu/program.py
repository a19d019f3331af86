"""minimind-dpo as this script runs it: which options this build has, what a training run recorded, what `bench` printed."""

import json
import re
from pathlib import Path

from budget import Budget
from processes import Output, run


class Program:
    """The program of a bundle, or a build of one's own."""

    def __init__(self, path: Path, folder: Path, device: str, environment: dict[str, str]) -> None:
        self.path, self.folder, self.device = path, folder, device
        self.environment = environment | {"MINIMIND_DPO_CACHE": str(folder / "tokens")}
        self.left_out: set[str] = set()
        self.helps: dict[str, str] = {}

    def run(self, arguments: list[str], budget: Budget, limit: float, environment: dict[str, str] | None = None) -> Output:
        return run([str(self.path), *arguments], budget, limit, self.environment | (environment or {}))

    def help(self, command: str = "") -> str:
        if command not in self.helps:
            arguments = [command, "--help"] if command else ["--help"]
            self.helps[command] = self.run(arguments, Budget(20), 20).check().stdout
        return self.helps[command]

    def has_command(self, name: str) -> bool:
        return re.search(rf"^  {name}\b", self.help(), re.MULTILINE) is not None

    def options(self, command: str, **values: object) -> list[str]:
        """The options that the command knows; the others are left out and reported."""
        known = []
        for name, value in values.items():
            option = "--" + name.replace("_", "-")
            if re.search(rf"(?<![\w-]){option}(?![\w-])", self.help(command)):
                known += [option, str(value)]
            else:
                self.left_out.add(f"{command} {option}")
        return known

    def train(
        self, model: Path, pairs: Path, budget: Budget, limit: float, *, device: str, precision: str, batch: int, steps: int,
        max_length: int, learning_rate: float, launch: list[str] | None = None, environment: dict[str, str] | None = None,
        more: list[str] | None = None,
    ) -> list[dict]:
        """A run over the pairs in order with an online reference; its records, one per step."""
        output = self.folder / "run"
        arguments = [
            "train", "--model", str(model), "--train-data", str(pairs), "--output-dir", str(output), "--overwrite-output-dir",
            "--batch-size", str(batch), "--max-steps", str(steps), "--max-length", str(max_length), "--no-shuffle",
            "--logging-steps", "1", "--ref-logps", "online", "--learning-rate", str(learning_rate), *(more or []),
            *self.options("train", device=device, precision=precision)]
        launched = ["launch", *launch, *arguments] if launch else arguments
        self.run(launched, budget, limit, environment).check()
        with (output / "metrics.jsonl").open(encoding="utf-8") as lines:
            return [row for row in map(json.loads, lines) if "loss" in row]

    def bench(
        self, pairs: list[str], budget: Budget, limit: float, *, shape: str, precision: str, batch: int, steps: int, max_length: int,
        warm_up: int,
    ) -> dict:
        """What `bench --json` prints, with an online reference."""
        arguments = [
            "bench", "--json", "--shape", shape, "--batch-size", str(batch), "--steps", str(steps), "--max-length",
            str(max_length), "--ref-logps", "online", *pairs,
            *self.options("bench", device=self.device, precision=precision, warm_up_steps=warm_up)]
        return json.loads(self.run(arguments, budget, limit).check().lines[-1])
