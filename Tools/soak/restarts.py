"""A rank of two is killed at a random moment; the launcher starts the job again, which ends with the unbroken run's bits."""

import random
import shutil
import time

from program import Broken, eventually, kill


def soak(site, scale):
    count = max(1, round(50 * scale))
    started = time.monotonic()
    site.run(["launch", "--nproc-per-node", "2"] + site.training("unbroken"))
    duration = time.monotonic() - started
    unbroken = site.outcome("unbroken")
    broken, restarted = [], 0
    for number in range(count):
        random.seed(1000 + number)
        shutil.rmtree(site.folder / "out", ignore_errors=True)
        rank, delay = random.randrange(2), random.random() * duration * 0.8
        try:
            job = site.start(["launch", "--nproc-per-node", "2", "--max-restarts", "1"] + site.training("out"))
            victim = eventually(f"rank {rank} is there", lambda: [
                process for process, found in site.processes().items() if found == rank])[0]
            time.sleep(delay)
            kill(victim)
            code = job.wait(300)
            restarted += "starting all workers again" in site.log()
            if code != 0:
                raise Broken(f"exit code {code}\n{site.log()[-2000:]}")
            if site.outcome() != unbroken:
                raise Broken("ended differently")
            if site.processes():
                raise Broken(f"left behind: {site.processes()}")
        except Exception as error:  # Whatever it is, the next one is tried.
            broken.append(f"rank {rank} killed after {delay:.3f} s: {error}")
            site.end()
    if restarted < count / 3:
        broken.append(f"only {restarted} of {count} kills came in time")
    yield f"{count} kills, {restarted} jobs started again, all with the same bits" if not broken else f"{count} kills", broken
