"""How long a device had nothing to do, from the times at which it did something."""


def idle(intervals: list[tuple[float, float]]) -> float:
    """The part of the time from the first beginning to the last end that no interval covers."""
    if not intervals:
        return 1.0
    busy, covered = 0.0, float("-inf")
    for begin, end in sorted(intervals):
        busy += max(0.0, end - max(begin, covered))
        covered = max(covered, end)
    first = min(begin for begin, _ in intervals)
    return 1 - busy / (covered - first) if covered > first else 0.0
