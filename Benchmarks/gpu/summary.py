"""The results as Markdown, for Benchmarks/README.md: under 60 lines."""

from peers import NAMES


def markdown(results: dict, checks: list[tuple[str, str, str, bool]], left_out: list[str], is_dry: bool) -> str:
    lines = header(results["environment"]["figures"], is_dry)
    lines += speed(results.get("throughput", {}).get("figures", {}))
    lines += launches(results.get("launches", {}).get("figures", {}))
    if checks:
        lines += ["| checked | found | wanted | |", "| --- | ---: | ---: | --- |"]
        lines += [f"| {what} | {value} | {wanted} | {'yes' if is_met else '**no**'} |" for what, value, wanted, is_met in checks[:18]]
        lines.append("")
    lines += remarks(results, left_out)
    return "\n".join(lines[:58])


def header(environment: dict, is_dry: bool) -> list[str]:
    ceiling = environment.get("ceiling", {})
    lines = ["### A dry run on a CPU: these figures say nothing about speed" if is_dry else "### " + ceiling.get("device", "No GPU was found")]
    card = (environment.get("nvidia-smi") or ["?"])[0]
    software = f"PyTorch {ceiling.get('torch', '?')}, CUDA {ceiling.get('cuda') or 'none'}"
    lines += ["", f"{environment.get('time', '?')[:10]}; {card}; {software}; {environment.get('system', '?')}. Pairs: "
              f"{environment.get('data', '?')}."]
    rates = [f"{kind.replace('_', ' ')} {ceiling[kind] / 1e12:.3g}" for kind in
             ("bf16_feed_forward", "bf16_large", "fp32_feed_forward", "fp32_large") if kind in ceiling]
    if rates:
        lines.append(f"Matrix products in PyTorch, TFLOP/s: {', '.join(rates)}; copying {ceiling['bytes_per_second'] / 1e12:.3g} TB/s.")
    return [*lines, ""]


def speed(figures: dict) -> list[str]:
    table = figures.get("table")
    if not table:
        return []
    names = [name for name in NAMES if any(name in row["peers"] for row in table)]
    lines = ["| pairs of a step | minimind-dpo, pairs/s | " + "".join(f"{NAMES[name]} | ratio | " for name in names).rstrip(),
             "| ---: | ---: |" + " ---: | ---: |" * len(names)]
    for row in table:
        cells = [f"| {row['batch']} | {row['ours']:.4g} |"]
        for name in names:
            peer = row["peers"].get(name)
            cells.append(f" {peer['pairs_per_second']:.4g} | {spread(peer['ratios'])} |" if peer else " – | – |")
        lines.append("".join(cells))
    lines += ["", "| pairs of a step | tokens/s | utilisation | of PyTorch's products, this shape / large | recorded passes / kernels a step | idle | "
              + "peak memory, GB | " + "".join(f"{NAMES[name].split(',')[0]} | " for name in names).rstrip(),
              "| ---: |" + " ---: |" * (6 + len(names))]
    for row in table:
        peaks = " / ".join(number(row.get(f"utilization_{kind}")) for kind in ("feed_forward", "large"))
        memories = "".join(f" {gigabytes(row['peers'].get(name, {}).get('peak_memory_bytes'))} |" for name in names)
        lines.append(
            f"| {row['batch']} | {row['tokens_per_second']:,.0f} | {number(row.get('utilization'))} | {peaks} | "
            f"{number(row.get('replayed_passes_per_step'), 'none')} / {number(row.get('replayed_kernels_per_step'), 'none')} | "
            f"{number(row.get('idle_fraction'), 'not measured')} | "
            f"{gigabytes(row['peak_memory_bytes'])} |{memories}")
    lines.append("")
    if losses := figures.get("losses"):
        told = [f"{name} {values['mean_difference']:.2g} (largest {values['largest_difference']:.2g})"
                for name, values in losses.items() if isinstance(values, dict)]
        lines += [f"Losses of {losses['batch']} pairs a step beside the peers', mean difference: {', '.join(told)}. "
                  f"Rounds in turns: {len(figures['rounds'])}.", ""]
    return lines


def launches(figures: dict) -> list[str]:
    if not figures:
        return []
    told = []
    for name, values in figures.items():
        if isinstance(values, dict):
            told.append(f"{NAMES.get(name, name)}: " + ", ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in values.items()))
        elif isinstance(values, str):
            told.append(f"{NAMES.get(name, name)}: {first_line(values)}")
    return [f"Launches, {figures.get('batch', '?')} pairs a step. {'; '.join(told)}.", ""] if told else []


def remarks(results: dict, left_out: list[str]) -> list[str]:
    lines = []
    tests = results.get("tests", {}).get("figures", {})
    if tests:
        skipped = ", ".join(f"{count} × {reason}" for reason, count in tests["skipped"].items())
        lines.append(f"- Tests: {tests['passed']} passed, {tests['failed']} failed in {tests['seconds']:.0f} s: {tests['verdict']} "
                     f"Skipped: {skipped or 'none'}"[:600])
        lines += [f"- Failed: {name}" for name in tests["failed_tests"][:6]]
    for name, entry in results.items():
        if entry["status"] != "done":
            lines.append(f"- {name}: {entry['status']}. {first_line(entry['message'])}")
    for message in results.get("throughput", {}).get("figures", {}).get("messages", [])[:6]:
        lines.append(f"- throughput: {first_line(message)}")
    table = results.get("throughput", {}).get("figures", {}).get("table", [])
    if eager := sorted({name for row in table for name, peer in row["peers"].items() if peer["model"] != "transformers"}):
        lines.append(f"- {' and '.join(NAMES[name] for name in eager)}: transformers is not installed, and the model is eager_model.py's.")
    if left_out:
        lines.append(f"- Options that this build does not know were left out: {', '.join(left_out)}.")
    return lines


def spread(ratios: list[float]) -> str:
    middle = sorted(ratios)
    median = (middle[(len(middle) - 1) // 2] + middle[len(middle) // 2]) / 2
    return f"{median:.2f}" if len(ratios) == 1 else f"{median:.2f} ({min(ratios):.2f} … {max(ratios):.2f})"


def number(value: float | None, otherwise: str = "–") -> str:
    return otherwise if value is None else f"{value:.3g}"


def gigabytes(value: float | None) -> str:
    return f"{value / 1e9:.2f}" if value else "–"


def first_line(text: str) -> str:
    return " ".join(text.split())[:300]
