"""What all parts of the script share, and what they find out."""

from dataclasses import dataclass, field
from pathlib import Path

from peers import NAMES, Peers
from program import Program
from workload import Size, Workload


@dataclass
class Measurement:
    program: Program
    peers: Peers
    work: Workload
    # The test bundle's script, where there is one.
    tests: Path | None
    device: str
    precision: str
    # Environment variables that leave one GPU visible.
    one_device: dict[str, str]
    is_dry: bool
    wheels: str | None
    pip_seconds: float
    threads: int
    # What environment.py measures: rates of matrix products, among others.
    ceiling: dict = field(default_factory=dict)
    # GPUs of this machine.
    devices: int = 0
    # Targets and whether they were met: rows of (what, value, wanted, is met).
    checks: list[tuple[str, str, str, bool]] = field(default_factory=list)

    peer_names = tuple(NAMES)

    @property
    def size(self) -> Size:
        return self.work.size

    def check(self, what: str, value: float, wanted: str, is_met: bool) -> None:
        self.checks.append((what, f"{value:.3g}", wanted, is_met))
