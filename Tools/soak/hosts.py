"""Two hosts whose network breaks, or is bad."""

import os
import pathlib
import shutil
import time

from cable import ADDRESSES, Cable
from program import Broken, eventually, kill


def soak(site, scale):
    if os.geteuid() != 0 or not shutil.which("ip") or not pathlib.Path("/dev/net/tun").exists():
        yield "left out: it needs root, ip (iproute2) and /dev/net/tun", []
        return
    for times, part in ((3, slow), (3, unplugged), (3, host_dies)):
        yield from part(site, max(1, round(times * scale)))


def launch(site, cable, training):
    return [
        site.start(
            ["launch", "--nnodes", "2", "--node-rank", str(node), "--master-addr", ADDRESSES[0], "--master-port", "29633"]
            + training, f"node-{node}", before=cable.on(node)) for node in (0, 1)]


def under_way(site):
    return lambda: any("step 10/" in site.log(f"node-{node}") for node in (0, 1))


def slow(site, count):
    """5 ms more each way, 1 % lost: the same bits."""
    broken, seconds = [], []
    site.run(["launch", "--nproc-per-node", "2"] + site.training("one-host"))
    expected = site.outcome("one-host")
    carried = lost = 0
    for _ in range(count):
        shutil.rmtree(site.folder / "out", ignore_errors=True)
        cable = Cable(delay=0.005, jitter=0.002, loss=0.01)
        started = time.monotonic()
        try:
            codes = [job.wait(900) for job in launch(site, cable, site.training("out"))]
            if codes != [0, 0]:
                raise Broken(f"exit codes {codes}\n{site.log('node-0')[-1500:]}\n{site.log('node-1')[-1500:]}")
            if site.outcome() != expected:
                raise Broken("other bits than on one host")
        except Exception as error:
            broken.append(str(error))
        finally:
            seconds.append(time.monotonic() - started)
            site.end()
            cable.remove()
            carried, lost = carried + cable.carried, lost + cable.lost
    yield (f"5 ms and 1 % loss on the cable, {count} times: the bits of one host, {max(seconds):.0f} s at most, "
           f"{carried} frames carried, {lost} lost"), broken


def without_link(site, count, expected):
    """Pulls the cable out of a run that is well under way, again and again.

    expected: what must follow, given the launchers and the time of the break; returns after how many seconds it did
    """
    broken, seconds = [], []
    for _ in range(count):
        shutil.rmtree(site.folder / "out", ignore_errors=True)
        cable = Cable()
        try:
            jobs = launch(site, cable, site.training("out", steps=100000, every=1000))
            eventually("they train", under_way(site))
            cable.unplug()
            seconds.append(expected(jobs, time.monotonic()))
        except Exception as error:  # Whatever it is, the next one is tried.
            broken.append(str(error))
        finally:
            site.end()
            cable.remove()
    return broken, max(seconds, default=0)


def stops(site, job, node, words, started):
    """Waits until a launcher has ended because it lost the other."""
    code = job.wait(300)
    if code != 69 or words not in site.log(f"node-{node}"):
        raise Broken(f"node {node} ended with {code}\n{site.log(f'node-{node}')[-1500:]}")
    return time.monotonic() - started


def unplugged(site, count):
    """Both sides stop, and name the other."""
    broken, seconds = without_link(site, count, lambda jobs, started: max(
        stops(site, job, node, f"node {1 - node}", started) for node, job in enumerate(jobs)))
    yield f"the cable is pulled out, {count} times: both sides stopped within {seconds:.0f} s and named the other", broken


def host_dies(site, count):
    """The host of the store says nothing any more: the other stops with the cause."""

    def dies(jobs, started):
        network = os.readlink(f"/proc/{jobs[0].pid}/ns/net")
        for process in site.processes():
            try:
                if os.readlink(f"/proc/{process}/ns/net") == network:
                    kill(process)
            except OSError:
                pass
        return stops(site, jobs[1], 1, "lost node 0", started)

    broken, seconds = without_link(site, count, dies)
    yield f"the store's host dies, {count} times: the other stopped within {seconds:.0f} s with the cause", broken
