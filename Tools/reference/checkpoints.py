"""Goldens of the Checkpoints tests: small files written by torch and safetensors, and what is in them.

    python3 Tools/reference/checkpoints.py                   writes Tests/CheckpointsTests/Goldens
    python3 Tools/reference/checkpoints.py describe FILE...  prints what torch or safetensors read from files, one line of JSON each

The tests compare what Swift reads with the descriptions in expected.json; and, where MINIMIND_REFERENCE_PYTHON names an
interpreter, what this script reads from files that Swift has written with what went into them.
"""

import collections
import io
import json
import os
import pathlib
import shutil
import struct
import sys
import zipfile

import safetensors
import safetensors.torch
import torch

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "CheckpointsTests" / "Goldens"


def describe(value):
    """A value as JSON that keeps types, order and every bit."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, torch.Size):
        return {"size": list(value)}
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return {"float": struct.pack(">d", value).hex()}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, list):
        return [describe(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [describe(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[describe(key), describe(item)] for key, item in value.items()]}
    if isinstance(value, torch.Tensor):
        contiguous = value.detach().contiguous()
        data = contiguous.reshape(-1).view(torch.uint8).numpy().tobytes() if contiguous.numel() else b""
        return {"tensor": [str(value.dtype).removeprefix("torch."), list(value.shape), data.hex()]}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    raise TypeError(type(value))


def read(path):
    if str(path).endswith(".safetensors"):
        return safetensors.torch.load_file(path)
    return torch.load(path, map_location="cpu")  # weights_only=True is the default


def every_dtype():
    floats = [0.0, -0.0, 1.0, -2.5, 65504.0, 1e-7, float("inf"), float("nan")]
    tensors = {name: torch.tensor(floats, dtype=getattr(torch, name)) for name in ("float64", "float32", "float16", "bfloat16")}
    for name in ("int64", "int32", "int16", "int8"):
        info = torch.iinfo(getattr(torch, name))
        tensors[name] = torch.tensor([info.min, -1, 0, info.max], dtype=getattr(torch, name))
    tensors["uint8"] = torch.tensor([0, 1, 255], dtype=torch.uint8)
    tensors["bool"] = torch.tensor([[True, False, True]])
    return tensors


def resume():
    """What MiniMind's lm_checkpoint saves, after three steps of a small model."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2, bias=False), torch.nn.LayerNorm(2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-8)
    scaler = torch.amp.GradScaler("cpu")
    for step in range(3):
        optimizer.zero_grad()
        scaler.scale(model(torch.full((4, 3), float(step + 1))).square().sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    return {
        "model": {name: tensor.half() for name, tensor in model.state_dict().items()},
        "optimizer": optimizer.state_dict(), "scaler": scaler.state_dict(),
        "epoch": 0, "step": 3, "world_size": 1, "wandb_id": None,
    }


class Forbidden:
    def __reduce__(self):
        return os.system, ("touch /tmp/this-must-not-exist",)


def rewrite_zip(source, target, *, change=lambda name, data: data, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))


def archives():
    base = torch.arange(24, dtype=torch.float32)
    tied = torch.arange(6, dtype=torch.float16).reshape(2, 3)
    linear = torch.nn.Linear(2, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0, 2], [3, 4]]))
        linear.bias.copy_(torch.tensor([5.0, 6]))
    return {
        "dtypes.pth": every_dtype(),
        "ordered.pth": linear.state_dict(),  # an OrderedDict with the attribute _metadata
        "parameter.pth": {"weight": linear.weight, "frozen": torch.nn.Parameter(base[:2].clone(), requires_grad=False)},
        "shared.pth": {"model.embed_tokens.weight": tied, "lm_head.weight": tied, "row": tied[1]},
        "views.pth": {
            "slice": base[5:11], "transposed": base.reshape(4, 6).t(), "strided": base[1::5],
            "block": base.reshape(2, 3, 4)[:, 1:, ::2], "expanded": base[3:4].expand(2, 3),
            "permuted": base.reshape(2, 3, 4).permute(2, 0, 1), "one": base.reshape(4, 6)[:, 2:3],
            "end": base[23:], "nothing": base[24:],
        },
        "shapes.pth": {
            "scalar": torch.tensor(1.5), "empty": torch.empty(0), "empty matrix": torch.empty(3, 0, 2, dtype=torch.int64),
            "deep": torch.ones(1, 1, 1, 1, 1, 2, dtype=torch.bfloat16),
        },
        "nested.pth": {
            "none": None, "true": True, "false": False, "text": "中文 \"é\" 😀", "bytes": b"\x00\x7f\xff", "no bytes": b"",
            "integers": [0, 255, 256, 65535, 65536, -1, 2**31 - 1, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63)],
            "floats": [0.5, -1e300, float("inf"), 4e-8], "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
            "lists": [[], [[]], [1, [2, [3]]]], "dicts": {"": {}, 1: {"a": {"b": None}}, (1, "x"): 2, None: 3, 1.5: 4, b"k": 5},
            "dtype": torch.bfloat16, "size": torch.Size([2, 3]), "device": torch.device("cuda:1"), "cpu": torch.device("cpu"),
            "ordered": collections.OrderedDict(z=1, a=2), "tensors": [torch.ones(2), (torch.zeros(1, dtype=torch.int8),)],
        },
        "resume_768_resume.pth": resume(),
        "pytorch_model.bin": collections.OrderedDict(
            (name, tensor) for name, tensor in [("model.norm.weight", torch.ones(3)), ("lm_head.weight", torch.eye(3).bfloat16())]),
    }


def write_archives(expected):
    for name, value in archives().items():
        torch.save(value, GOLDENS / name)
        expected[name] = describe(value)

    value = {"weight": torch.arange(3.0), "names": ["a"] * 2, "step": 1, "bytes": b"ab", "big": 2**40}
    torch.save(value, GOLDENS / "protocol4.pth", pickle_protocol=4)
    expected["protocol4.pth"] = describe(value)

    plain = GOLDENS / "plain.pth"
    torch.save({"weight": torch.arange(4.0)}, plain)
    expected["plain.pth"] = describe(read(plain))
    # An archive whose folder has another name, written by another zip program.
    folder = zipfile.ZipFile(plain).namelist()[0].split("/")[0]
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(GOLDENS / "renamed.pth", "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename.replace(folder + "/", "some folder/", 1), old.read(entry))
    expected["renamed.pth"] = expected["plain.pth"]

    # What must be refused.
    torch.save({"weight": torch.zeros(1), "payload": Forbidden()}, GOLDENS / "forbidden.pth")
    torch.save({"weight": torch.arange(4.0)}, GOLDENS / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"weight": torch.zeros(2, dtype=torch.complex64)}, GOLDENS / "complex.pth")
    torch.save({"weight": torch.zeros(2, dtype=torch.uint16)}, GOLDENS / "uint16.pth")
    torch.save({"storage": torch.zeros(2).untyped_storage()}, GOLDENS / "storage.pth")
    itself = []
    itself.append(itself)
    torch.save(itself, GOLDENS / "itself.pth")
    rewrite_zip(plain, GOLDENS / "big_endian.pth", change=lambda name, data: b"big" if name.endswith("byteorder") else data)
    rewrite_zip(plain, GOLDENS / "deflated.pth", compression=zipfile.ZIP_DEFLATED)
    script = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), script)
    (GOLDENS / "torchscript.pt").write_bytes(script.getvalue())


def write_safetensors(expected):
    path = GOLDENS / "dtypes.safetensors"
    tensors = every_dtype() | {
        "scalar": torch.tensor(7.0), "empty": torch.empty(2, 0), "名 \"quoted\"": torch.ones(2, 2, dtype=torch.bfloat16)}
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
    expected[path.name] = describe(read(path))

    path = GOLDENS / "metadata.safetensors"
    safetensors.torch.save_file({"b": torch.ones(1), "a": torch.zeros(3, dtype=torch.float16)}, path, metadata={"note": "测试\n"})
    expected[path.name] = describe(read(path))

    safetensors.torch.save_file({"weight": torch.zeros(2).to(torch.float8_e4m3fn)}, GOLDENS / "float8.safetensors")

    folder = GOLDENS / "sharded"
    folder.mkdir()
    shards = {
        "model-00001-of-00002.safetensors": {"model.embed_tokens.weight": torch.arange(6.0).reshape(3, 2)},
        "model-00002-of-00002.safetensors": {"model.norm.weight": torch.ones(2), "lm_head.weight": torch.eye(2)},
    }
    for name, tensors in shards.items():
        safetensors.torch.save_file(tensors, folder / name, metadata={"format": "pt"})
    places = {tensor: name for name, tensors in shards.items() for tensor in tensors}
    index = {"metadata": {"total_size": 48}, "weight_map": dict(sorted(places.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    merged = {name: shards[places[name]][name] for name in index["weight_map"]}
    expected["sharded"] = describe(merged)


def main():
    if sys.argv[1:2] == ["describe"]:
        for path in sys.argv[2:]:
            if zipfile.is_zipfile(path):
                assert zipfile.ZipFile(path).testzip() is None, path  # another reader of zip files agrees
            print(json.dumps(describe(read(path))))
        return
    shutil.rmtree(GOLDENS, ignore_errors=True)
    GOLDENS.mkdir(parents=True)
    expected = {}
    write_archives(expected)
    write_safetensors(expected)
    (GOLDENS / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
