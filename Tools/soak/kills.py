"""Kills at random moments: what is left can be resumed, and ends with the bits of a run that nobody touched."""

import random
import shutil
import time

from program import Broken, kill


STEPS = 150


def soak(site, scale):
    for ranks in (1, 2):
        count = max(1, round(100 * scale))
        launch = [] if ranks == 1 else ["launch", "--nproc-per-node", "2"]
        started = time.monotonic()
        # Long beside the start of the program, so that most kills come while it trains and saves.
        site.run(launch + site.training("unbroken", steps=STEPS))
        duration = time.monotonic() - started
        unbroken = site.outcome("unbroken")
        broken, late, resumed = [], 0, 0
        for number in range(count):
            random.seed(number)
            delay = random.random() * duration
            shutil.rmtree(site.folder / "out", ignore_errors=True)
            try:
                job = site.start(launch + site.training("out", steps=STEPS))
                time.sleep(delay)
                late += job.poll() is not None
                # All at once, as when the machine loses power for everything but its disk; or one, and the others see to it.
                if ranks == 1 or random.random() < 0.5:
                    for process in site.processes():
                        kill(process)
                else:
                    kill(random.choice([process for process, rank in site.processes().items() if rank is not None] or [job.pid]))
                job.wait(300)
                site.end()
                site.check_checkpoints()
                site.run(launch + site.training("out", steps=STEPS) + ["--resume-from-checkpoint", "auto"])
                resumed += "resuming after step" in site.log()
                if site.outcome() != unbroken:
                    raise Broken("the run that went on ended differently")
                left = [path.name for path in (site.folder / "out").iterdir() if "partial" in path.name]
                if left:
                    raise Broken(f"left behind: {left}")
            except (Broken, OSError, ValueError, KeyError) as error:
                broken.append(f"kill {number}, {delay:.3f} s after the start: {error}")
                site.end()
        yield (f"{ranks} rank{'s' * (ranks > 1)}: {count} kills, {resumed} resumed from a checkpoint, "
               f"{late} after the end; all ended with the same bits" if not broken else f"{ranks} ranks: {count} kills"), broken
        shutil.rmtree(site.folder / "unbroken")
