"""Part: the project's tests, with the GPU visible."""

import re
from collections import Counter

from budget import Budget
from measurement import Measurement
from processes import Failed, run


def tests(on: Measurement, budget: Budget, figures: dict) -> None:
    if not on.tests:
        raise Failed("there is no test bundle beside this program")
    figures |= (found := run_tests(on, budget, budget.left, None))
    said = str(found["failed"]) if found["is_whole"] else f"{found['failed']}, but time was up before the last"
    on.checks.append(("all tests: failed", said, "0", found["is_whole"] and found["code"] == 0))


def run_tests(on: Measurement, budget: Budget, limit: float, selection: str | None) -> dict:
    """Runs the bundle's tests: all, or, one by one, those whose names contain a text. Also counts those that passed before the time was up."""
    # Tests that record or measure on a device must not disturb each other.
    options = ["--no-parallel", "--filter", selection] if selection else []
    output = run([str(on.tests), *options], budget, limit, on.program.environment)
    lines = (output.stdout + output.stderr).splitlines()
    # Swift Testing says "Test … passed after", and at the end "Test run with … tests in … suites passed after".
    said = [match.groups() for line in lines if (match := re.match(r"\S+ +Test (?!run |case )(.+?) (passed|failed) after ", line))]
    skipped = [match.groups() for line in lines if (match := re.match(r'\S+ +(Test|Suite) .* skipped(?:: "(.*)")?$', line))]
    failed = [name for name, what in said if what == "failed"]
    passed = sum(what == "passed" for _, what in said)
    verdict = next((match for line in reversed(lines) if (match := re.search(r"Test run with (\d+) tests? .*", line))), None)
    if verdict:
        # Processes that tests start can overwrite lines of the tests; the last line counts them all.
        passed = int(verdict[1]) - len(failed) - sum(kind == "Test" for kind, _ in skipped)
    elif not output.is_stopped and not said:
        raise Failed(f"{output.name} ended with exit code {output.code} and ran no tests:\n" + "\n".join(lines[-15:]))
    return {
        "code": output.code, "seconds": output.seconds, "is_whole": verdict is not None,
        "verdict": verdict[0] if verdict else "stopped when its time was up.", "passed": passed, "failed": len(failed),
        "failed_tests": failed, "issues": [line for line in lines if "recorded an issue" in line][:40],
        "skipped": dict(Counter(reason or "no reason given" for _, reason in skipped)),
        "end": [] if output.code == 0 else lines[-30:]}
