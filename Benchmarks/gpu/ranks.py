"""Part: several processes learn what one does; on one GPU over Gloo, and with several GPUs over NCCL, with the efficiency of all."""

from budget import Budget
from measurement import Measurement
from processes import Failed, Stopped

STEPS = 6
# Relative, of float32 losses and gradient norms: sums in another order.
LIMIT = 1e-4


def ranks(on: Measurement, budget: Budget, figures: dict) -> None:
    compare(on, budget, figures, "two ranks on one device, Gloo", 2, "gloo", on.one_device)
    if on.devices > 1:
        compare(on, budget, figures, f"{on.devices} GPUs, NCCL", on.devices, "nccl", {})
        scaling(on, budget, figures)
    else:
        figures["several GPUs"] = "not tried: this machine has one at most"


def compare(
    on: Measurement, budget: Budget, figures: dict, name: str, count: int, backend: str, environment: dict[str, str],
) -> None:
    """Several processes compared with one: the same steps, with the same global batch."""
    batch = 2 * count

    def train(processes: int) -> list[tuple[float, float]]:
        rows = on.program.train(
            on.work.model, on.work.pairs, budget, 60, device=on.device, precision="fp32", batch=batch // processes, steps=STEPS,
            max_length=on.size.agreement_length, learning_rate=1e-6, environment=environment,
            launch=["--nproc-per-node", str(processes)] if processes > 1 else None,
            more=["--backend", backend, "--threads", str(max(1, on.threads // processes))])
        return [(row["loss"], row["grad_norm"]) for row in rows]

    try:
        one, many = train(1), train(count)
    except (Failed, Stopped) as error:
        figures[name] = str(error)
        on.checks.append((name, "did not run", "the losses of one", False))
        return
    worst = max(abs(a - b) / abs(b) for row, other in zip(many, one, strict=True) for a, b in zip(row, other))
    figures[name] = {"one": one, "many": many, "largest_relative_difference": worst}
    on.check(f"{name}: loss and gradient norm beside one rank's", worst, f"≤ {LIMIT:g}", worst <= LIMIT)


def scaling(on: Measurement, budget: Budget, figures: dict) -> None:
    """All GPUs against one, of ours and of the padded peer."""
    batch = max(on.size.batches)
    arguments = [
        "bench", "--json", "--scaling", str(on.devices), "--threads", str(max(1, on.threads // on.devices)), "--rounds", "1",
        "--shape", on.size.shape, "--batch-size", str(batch), "--steps", "4", "--max-length", str(on.size.max_length),
        *on.work.bench_options, *on.program.options("bench", device=on.device, precision=on.precision)]
    output = on.program.run(arguments, budget, 90)
    figures["scaling"] = output.lines[-1:] if output.code == 0 else (output.stderr or output.stdout)[-1500:]
    if "padded" not in on.peers.missing:
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(on.devices)]
        try:
            [rate] = on.peers.measure("padded", on.work, budget, 60, {batch: 2}, launch=launch, environment={}).values()
            figures["padded_scaling"] = {"processes": on.devices, "batch": batch, "pairs_per_second": rate.pairs_per_second}
        except (Failed, Stopped, ValueError) as error:
            figures["padded_scaling"] = str(error)
