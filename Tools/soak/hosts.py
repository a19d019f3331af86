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
    return lambda: any("train step 10/" in site.log(f"node-{node}") or "step 10/" in site.log(f"node-{node}") for node in (0, 1))


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


def unplugged(site, count):
    """Both sides stop, and name the other."""
    broken, seconds = [], []
    for _ in range(count):
        shutil.rmtree(site.folder / "out", ignore_errors=True)
        cable = Cable()
        jobs = launch(site, cable, site.training("out", steps=100000, every=1000))
        try:
            eventually("they train", under_way(site))
            cable.unplug()
            started = time.monotonic()
            for node, job in enumerate(jobs):
                code = job.wait(300)
                seconds.append(time.monotonic() - started)
                if code != 69 or f"node {1 - node}" not in site.log(f"node-{node}"):
                    raise Broken(f"node {node} ended with {code}\n{site.log(f'node-{node}')[-1500:]}")
        except Exception as error:
            broken.append(str(error))
        finally:
            site.end()
            cable.remove()
    yield f"the cable is pulled out, {count} times: both sides stopped within {max(seconds, default=0):.0f} s and named the other", broken


def host_dies(site, count):
    """The host of the store says nothing any more: the other stops with the cause."""
    broken, seconds = [], []
    for _ in range(count):
        shutil.rmtree(site.folder / "out", ignore_errors=True)
        cable = Cable()
        jobs = launch(site, cable, site.training("out", steps=100000, every=1000))
        try:
            eventually("they train", under_way(site))
            cable.unplug()
            started = time.monotonic()
            network = os.readlink(f"/proc/{jobs[0].pid}/ns/net")
            for process in site.processes():
                try:
                    if os.readlink(f"/proc/{process}/ns/net") == network:
                        kill(process)
                except OSError:
                    pass
            code = jobs[1].wait(300)
            seconds.append(time.monotonic() - started)
            if code != 69 or "lost node 0" not in site.log("node-1"):
                raise Broken(f"ended with {code}\n{site.log('node-1')[-1500:]}")
        except Exception as error:
            broken.append(str(error))
        finally:
            site.end()
            cable.remove()
    yield f"the store's host dies, {count} times: the other stopped within {max(seconds, default=0):.0f} s with the cause", broken
