"""What is started again and again does not grow: neither the launcher, nor what runs leave in folders for temporary files."""

import pathlib
import tempfile
import time

from program import Broken, eventually


def soak(site, scale):
    yield launcher(site, max(20, round(500 * scale)))
    yield runs(site, max(5, round(60 * scale)))


def launcher(site, count):
    """One launcher, whose worker is killed at once, again and again; measured after a tenth and near the end."""
    log, measured = site.folder / "attempts", (count // 10, count - 5)
    # At two of the attempts the worker waits until the launcher was measured.
    worker = (f"n=$TORCHELASTIC_RESTART_COUNT; echo $n >> {log}; case $n in {measured[0]}|{measured[1]}) "
              f"while [ ! -e {site.folder}/go$n ]; do sleep 0.01; done;; esac; kill -9 $$")
    job = site.start(["launch", "--max-restarts", str(count), "--no-python", "sh", "-c", worker])

    def is_at(attempt):
        if job.poll() is not None:
            raise Broken(f"ended with {job.returncode} before attempt {attempt}\n{site.log()[-1000:]}")
        return log.exists() and int(log.read_text().split()[-1]) == attempt

    found = []
    try:
        for attempt in measured:
            eventually(f"start {attempt}", lambda: is_at(attempt), limit=3600)
            time.sleep(0.5)
            found.append(Process(job.pid))
            (site.folder / f"go{attempt}").touch()
        code = job.wait(300)
    except Broken as error:
        site.end()
        return f"{count} starts of a worker", [str(error)]
    early, late = found
    broken = []
    if code != 137:
        broken.append(f"exit code {code} instead of 137")
    if late.descriptors > early.descriptors:
        broken.append(f"descriptors grew from {early.descriptors} to {late.descriptors}")
    if late.threads > early.threads:
        broken.append(f"threads grew from {early.threads} to {late.threads}")
    # An allocator keeps some; what grows with the starts is far more.
    if late.memory > early.memory + (8 << 20):
        broken.append(f"memory grew from {early.memory >> 20} to {late.memory >> 20} MiB")
    return (f"{count} starts of a worker: the launcher has {early.descriptors} and {late.descriptors} descriptors, "
            f"{early.memory / 2**20:.1f} and {late.memory / 2**20:.1f} MiB after {measured[0]} and {measured[1]}"), broken


class Process:
    """What a process holds."""

    def __init__(self, number):
        place = pathlib.Path(f"/proc/{number}")
        self.descriptors = len(list((place / "fd").iterdir()))
        self.threads = len(list((place / "task").iterdir()))
        fields = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
        self.memory = int(fields["VmRSS"].split()[0]) << 10


def runs(site, count):
    """The same command after it has ended, --overwrite-output-dir: what lies in the folder is the same each time."""

    def leftovers():
        return sorted(path.name for path in pathlib.Path(tempfile.gettempdir()).iterdir() if path != site.folder)

    command = ["launch", "--nproc-per-node", "2"] + site.training("out", steps=3, every=1) + ["--overwrite-output-dir"]
    site.run(command)
    names, before = sorted(path.name for path in (site.folder / "out").iterdir()), leftovers()
    broken, started = [], time.monotonic()
    for number in range(count):
        try:
            site.run(command)
        except Broken as error:
            broken.append(f"run {number}: {error}")
    found = sorted(path.name for path in (site.folder / "out").iterdir())
    # The time is part of a name.
    if len(found) != len(names):
        broken.append(f"the folder holds {found} after the last and {names} after the first run")
    new = set(leftovers()) - set(before)
    if any(name.startswith("minimind") for name in new):
        broken.append(f"left in the folder for temporary files: {sorted(new)}")
    return f"{count} runs of two ranks in one folder, {(time.monotonic() - started) / count:.1f} s each", broken
