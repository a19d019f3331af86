"""Reads what the program wrote for TensorBoard with TensorBoard's own reader (pip install tensorboard).

python3 tensorboard_events.py FOLDER    compares the event files in a run's output folder with its metrics.jsonl, value
                                        by value; exits with 1 where they differ
python3 tensorboard_events.py --golden  prints the records that Tests/ObservabilityTests/TensorBoardTests.swift expects
"""

import json
import pathlib
import struct
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SourceMetadata
from tensorboard.compat.proto.summary_pb2 import Summary


def golden():
    first = Event(wall_time=1.5, file_version="brain.Event:2", source_metadata=SourceMetadata(writer="minimind-dpo"))
    values = [
        Summary.Value(tag="train/loss", simple_value=0.6875),
        Summary.Value(tag="eval/rewards/accuracies", simple_value=0.75),
    ]
    second = Event(wall_time=2.25, step=300, summary=Summary(value=values))
    for event in (first, second):
        print(event.SerializeToString(deterministic=True).hex())


def expected(folder):
    """{tag: {step: value as float32}} of metrics.jsonl."""
    points = {}
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        for name, value in record.items():
            if "event" in record or name == "step" or not isinstance(value, (int, float)):
                continue
            tag = "eval/" + name.removeprefix("eval_") if name.startswith("eval_") else "train/" + name
            points.setdefault(tag, {})[record["step"]] = struct.unpack("f", struct.pack("f", value))[0]
    return points


def found(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def main():
    if sys.argv[1:] == ["--golden"]:
        return golden()
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    want, got = expected(folder), found(folder)
    differing = [tag for tag in sorted(want.keys() | got.keys()) if want.get(tag) != got.get(tag)]
    for tag in differing:
        print(f"{tag}: {len(want.get(tag, {}))} points in metrics.jsonl, {len(got.get(tag, {}))} in the events, not equal")
    print(f"{len(want)} tags, {sum(map(len, want.values()))} points, {len(differing)} tags differ")
    sys.exit(1 if differing else 0)


main()
