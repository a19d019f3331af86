"""What a GPU does in a training step of this process, by PyTorch's profiler: kernels it runs, and how long it is idle."""

from collections.abc import Callable

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from idle_time import idle


def profiled(step: Callable[[int], object], steps: int) -> dict:
    """Kernels of a step, and the part of the time between the first kernel and the last in which nothing ran.

    Profiling slows the host down, so the idle part is an upper bound.
    """
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        for number in range(steps):
            step(number)
        torch.cuda.synchronize()
    # Annotations, such as the optimizer's, are on the device's time line too, but run nothing.
    events = [event for event in profiler.events()
              if event.device_type == DeviceType.CUDA and not event.is_user_annotation]
    work = [(event.time_range.start, event.time_range.end) for event in events]
    kernels = [event for event in events if not event.name.startswith(("Memcpy", "Memset"))]
    return {"kernel_launches_per_step": len(kernels) / steps, "idle_fraction": idle(work)}
