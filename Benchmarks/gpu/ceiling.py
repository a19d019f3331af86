"""How fast this machine's device multiplies matrices and copies memory, by PyTorch; prints one JSON object.

    python3 ceiling.py [--device cuda]

The rates are medians over random numbers, in FLOP/s: a multiply-add counts as 2.
"""

import argparse
import json
import statistics
import time

import torch


def seconds(action, device: str, repeats: int) -> float:
    """Median seconds of an action, by the device's own clock where it has one."""
    for _ in range(3):
        action()
    times = []
    for _ in range(repeats):
        if device == "cuda":
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            action()
            end.record()
            end.synchronize()
            times.append(begin.elapsed_time(end) / 1e3)
        else:
            start = time.perf_counter()
            action()
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def product(rows: int, inner: int, columns: int, dtype: torch.dtype, device: str, repeats: int) -> float:
    left = torch.randn(rows, inner, device=device).to(dtype)
    right = torch.randn(columns, inner, device=device).to(dtype).t()
    into = torch.empty(rows, columns, device=device, dtype=dtype)
    return 2 * rows * inner * columns / seconds(lambda: torch.mm(left, right, out=into), device, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    device = parser.parse_args().device
    # Gate and up of MiniMind-3's feed-forward network at a batch's tokens, and a product that fills any device.
    tokens, large, repeats, buffer = (16384, 8192, 30, 2**31) if device == "cuda" else (512, 1024, 3, 2**26)
    figures = {"torch": torch.__version__, "cuda": torch.version.cuda}
    if device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        figures |= {
            "device": properties.name, "multiprocessors": properties.multi_processor_count, "devices": torch.cuda.device_count(),
            "memory_bytes": properties.total_memory, "capability": f"{properties.major}.{properties.minor}"}
    types = {"bf16": torch.bfloat16, "fp32": torch.float32} if device == "cuda" else {"fp32": torch.float32}
    for name, dtype in types.items():
        figures[f"{name}_feed_forward"] = product(tokens, 768, 2 * 2432, dtype, device, repeats)
        figures[f"{name}_large"] = product(large, large, large, dtype, device, repeats if name == "bf16" else 3)
    source = torch.randn(buffer // 4, device=device)
    target = torch.empty_like(source)
    # Read and written.
    figures["bytes_per_second"] = 2 * source.nbytes / seconds(lambda: target.copy_(source), device, repeats)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
