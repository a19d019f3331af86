"""Two hosts with a cable between them that this process is: it delays frames, and loses some.

A host is a network namespace whose eth0 is a TAP device. What it sends, this process reads and gives to the other host after
a while. So a slow network can be had where the kernel has no netem.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

ADDRESSES = ("10.78.0.1", "10.78.0.2")
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


class Cable:
    def __init__(self, delay=0.0, jitter=0.0, loss=0.0):
        """delay, jitter: seconds, each way; loss: share of the frames."""
        self.delay, self.jitter, self.loss = delay, jitter, loss
        self.carried = self.lost = 0
        self.names = [f"dpo-soak-{os.getpid()}{side}" for side in "ab"]
        self.ends, self.is_plugged, self.is_over = [], True, False
        for name, address in zip(self.names, ADDRESSES):
            ip("netns", "add", name)
            device = f"soak{os.getpid() % 100000}{name[-1]}"
            end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI))
            self.ends.append(end)
            ip("link", "set", device, "netns", name)
            ip("-n", name, "link", "set", device, "name", "eth0")
            ip("-n", name, "address", "add", address + "/24", "dev", "eth0")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "link", "set", "eth0", "up")
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def carry(self):
        waiting, order = [], 0
        # Frames of one direction do not overtake each other.
        last = [0.0, 0.0]
        while not self.is_over:
            now = time.monotonic()
            pause = min(0.05, max(0.0, waiting[0][0] - now)) if waiting else 0.05
            for end in select.select(self.ends, [], [], pause)[0]:
                side = self.ends.index(end)
                while True:
                    try:
                        frame = os.read(end, 65536)
                    except (BlockingIOError, OSError):
                        break
                    if not self.is_plugged or random.random() < self.loss:
                        self.lost += 1
                        continue
                    due = time.monotonic() + self.delay + random.uniform(-self.jitter, self.jitter)
                    last[side] = max(last[side], due)
                    order += 1
                    heapq.heappush(waiting, (last[side], order, 1 - side, frame))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, side, frame = heapq.heappop(waiting)
                if self.is_plugged:
                    self.carried += 1
                    try:
                        os.write(self.ends[side], frame)
                    except OSError:
                        self.lost += 1

    def unplug(self):
        self.is_plugged = False

    def on(self, host):
        """The words that start a program on a host."""
        return ["ip", "netns", "exec", self.names[host]]

    def remove(self):
        self.is_over = True
        self.thread.join()
        for end in self.ends:
            os.close(end)
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], check=False)


def ip(*words):
    subprocess.run(["ip", *words], check=True)
