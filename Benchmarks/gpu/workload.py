"""What is trained on: a model's shape with random weights, preference pairs, and the same pairs as token ids for the peers."""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from budget import Budget
from program import Program

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "Demo"


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    shape: str
    max_length: int
    # Pairs per step → number of steps that are measured.
    batches: dict[int, int]
    warm_up: int
    rounds: int
    # Steps in which devices and precisions are compared, and their pairs.
    agreement_steps: int
    agreement_batch: int
    agreement_length: int
    curve_steps: int


FULL = Size("minimind-3", 1024, {4: 48, 16: 24, 32: 12}, 3, 3, 20, 2, 256, 200)
DRY = Size("minimind2-small", 64, {2: 2}, 1, 1, 3, 2, 48, 6)


@dataclass
class Workload:
    size: Size
    folder: Path
    source: str
    tokenizer: Path
    # Pairs to train on, as the program reads them; those that teach nothing are left out.
    pairs: Path
    # The same as token ids, one pair per line.
    ids: Path
    # Options that make `bench` use these pairs.
    bench_options: list[str] = field(default_factory=list)

    @property
    def model(self) -> Path:
        return self.folder / "model"


def find_shared() -> Path | None:
    """The folder with real pairs and their tokenizer, where there is one in or beside the checkout."""
    for shared in (REPOSITORY / "shared", REPOSITORY.parent / "shared"):
        if all(path.exists() for path in [*data_of(shared), shared / "minimind" / "tokenizer.json"]):
            return shared
    return None


def data_of(shared: Path) -> tuple[Path, Path]:
    return shared / "data" / "dpo_en_zh_600.jsonl", shared / "minimind"


def prepare(program: Program, size: Size, data: tuple[Path, Path] | None, is_dry: bool, budget: Budget) -> Workload:
    """Makes the model and the files of pairs.

    Without the user's data, the demo's pairs give the learning curves. They are too short to measure speed with, so
    `bench` and the peers then get made-up pairs of 640 tokens, except in a dry run.
    """
    folder = program.folder
    file, tokenizer = data or (DEMO / "train.jsonl", DEMO)
    work = Workload(size, folder, file.name, tokenizer, folder / "pairs.jsonl", folder / "ids.jsonl")
    program.run(
        ["init", "--shape", size.shape, "--tokenizer", str(tokenizer), "--to", str(work.model), "--overwrite"], budget, 60).check()
    dump = program.run(
        ["data", str(file), "--tokenizer", str(tokenizer), "--max-length", str(size.max_length), "--dump", "-"], budget, 60).check()
    rows = [row for row in map(json.loads, dump.lines) if not row.get("dropped")]
    lines = file.read_text(encoding="utf-8").splitlines()
    work.pairs.write_text("".join(lines[row["index"]] + "\n" for row in rows), encoding="utf-8")
    if data is None and not is_dry:
        work.source = f"learning curves: the demo's {len(rows)} pairs; speed: made-up pairs of 256 shared tokens and twice 192"
        work.bench_options = ["--prefix-tokens", "256", "--tail-tokens", "192"]
        rows = made_up(max(batch * steps for batch, steps in size.batches.items()))
    else:
        work.source = f"the {len(rows)} pairs of {file.name} that are not dropped at {size.max_length} tokens"
        work.bench_options = ["--train-data", str(work.pairs), "--tokenizer", str(tokenizer)]
    work.ids.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return work


def made_up(count: int, prefix: int = 256, tail: int = 192, vocabulary: int = 6400) -> list[dict]:
    """Random pairs of the shape that `bench` makes up."""
    generator = random.Random(42)

    def draw(length: int) -> list[int]:
        return [generator.randrange(vocabulary) for _ in range(length)]

    rows = []
    for index in range(count):
        shared, mask = draw(prefix), [0] * prefix + [1] * tail
        rows.append({
            "index": index, "chosen_ids": shared + draw(tail), "rejected_ids": shared + draw(tail), "chosen_mask": mask,
            "rejected_mask": mask})
    return rows
