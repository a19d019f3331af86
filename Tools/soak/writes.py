"""A kill at every change that a run makes to its folder: the old checkpoint or the new one loads, and the run goes on.

The changes are counted by a small library that is loaded before the program (kill_at_write.c). Where threads write beside
each other, the Nth change is not the same in every run, but each run ends at one.
"""

import pathlib
import shutil
import subprocess

from program import Broken

SOURCE = pathlib.Path(__file__).with_name("kill_at_write.c")


def soak(site, scale):
    library = site.folder / "kill_at_write.so"
    compiler = next(path for path in ("clang", "cc", "gcc") if shutil.which(path))
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", str(SOURCE), "-o", str(library), "-ldl"], check=True)
    counted = site.folder / "count"
    for ranks in (1, 2):
        launch = [] if ranks == 1 else ["launch", "--nproc-per-node", "2"]
        # Two saves, the first of which is removed after the second.
        training = site.training("out", steps=2, every=1) + ["--save-total-limit", "1"]
        site.run(launch + site.training("unbroken", steps=2, every=1))
        unbroken = site.outcome("unbroken")
        # For two ranks the writer is rank 0; the launcher writes nothing there.
        meant = {"LD_PRELOAD": str(library), "KILL_FOLDER": str(site.folder.resolve() / "out"), "KILL_COUNT": str(counted)}
        meant |= {"KILL_RANK": "0"} if ranks == 2 else {}
        shutil.rmtree(site.folder / "out", ignore_errors=True)
        site.run(launch + training, environment=meant | {"KILL_AT": "0"})
        changes = int(counted.read_text())
        if changes < 30:
            raise Broken(f"only {changes} changes were counted: the library does not see them")
        step = max(1, round(1 / scale))
        broken, killed = [], 0
        for number in range(1, changes + 1, step):
            shutil.rmtree(site.folder / "out", ignore_errors=True)
            try:
                code = site.start(launch + training, environment=meant | {"KILL_AT": str(number)}).wait(300)
                killed += code not in (0, 75)
                site.end()
                site.check_checkpoints()
                if number > changes * 0.7 and not list((site.folder / "out").glob("checkpoint-*")):
                    raise Broken("no checkpoint is left, though some had been written")
                site.run(launch + training + ["--resume-from-checkpoint", "auto"])
                if site.outcome() != unbroken:
                    raise Broken("the run that went on ended differently")
                left = [path.name for path in (site.folder / "out").rglob("*") if "partial" in path.name]
                if left:
                    raise Broken(f"left behind: {left}")
            except (Broken, OSError, ValueError, KeyError) as error:
                broken.append(f"killed at change {number} of {changes}: {error}")
                site.end()
        yield f"{ranks} rank{'s' * (ranks > 1)}: {changes} changes to files, {killed} kills, one at each", broken
        shutil.rmtree(site.folder / "unbroken")
