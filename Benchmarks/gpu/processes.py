"""Commands with a time limit: neither they nor anything they started outlives it."""

import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from budget import Budget


@dataclass
class Output:
    """The outcome of a command."""

    command: list[str]
    code: int
    seconds: float
    stdout: str
    stderr: str
    is_stopped: bool

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    def check(self) -> "Output":
        if self.is_stopped:
            raise Stopped(f"stopped after {self.seconds:.0f} s: {self.name}")
        if self.code:
            raise Failed(f"{self.name} ended with exit code {self.code}:\n{(self.stderr or self.stdout)[-1500:]}")
        return self

    @property
    def name(self) -> str:
        return " ".join([Path(self.command[0]).name, *self.command[1:3]])


class Failed(Exception):
    """A command that ended with an error."""


class Stopped(Exception):
    """A command, or a part of the script, whose time was up."""


def run(command: list[str], budget: Budget, limit: float, environment: dict[str, str] | None = None) -> Output:
    """Runs a command for at most a number of the remaining seconds, and returns what it printed, also when it was stopped."""
    if budget.left < 1:
        raise Stopped(f"no time left for {Path(command[0]).name} {' '.join(command[1:3])}")
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            command, stdout=output, stderr=messages, stdin=subprocess.DEVNULL, env=os.environ | (environment or {}),
            start_new_session=True)
        is_stopped = False
        try:
            process.wait(min(limit, budget.left))
        except subprocess.TimeoutExpired:
            is_stopped = True
        finally:
            end(process)
        texts = []
        for file in (output, messages):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return Output(command, process.returncode, time.monotonic() - begin, *texts, is_stopped)


def end(process: subprocess.Popen) -> None:
    """Ends a process and its own group: with SIGTERM, then with SIGKILL."""
    for sign, patience in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0)):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, sign)
            process.wait(patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
