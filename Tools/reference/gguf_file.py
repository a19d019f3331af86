"""Makes Tests/CheckpointsTests/Goldens/small.gguf with PyPI's gguf: every kind of value and of tensor that is written."""
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import quantize

TARGET = Path(__file__).resolve().parents[2] / "Tests/CheckpointsTests/Goldens/small.gguf"


def numbers(*shape):
    """Numbers that Swift computes alike; the first block of 32 is zero, the second holds ties."""
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    values = ((i * 2654435761) % 4294967296 / 4294967296 - 0.5).astype(np.float32)
    values[:32] = 0
    values[32:64] = (i[32:64] - 32) * np.float32(0.5)
    values[63:64] = 127
    return values.reshape(shape)


writer = GGUFWriter(str(TARGET), "qwen3")
writer.add_uint32("a.count", 7)
writer.add_float32("a.number", 1e-6)
writer.add_bool("a.truth", True)
writer.add_string("a.text", "你好, gguf")
writer.add_array("a.texts", ["a", "", "Ġb"])
writer.add_array("a.numbers", [1, -2, 3])
writer.add_tensor("single", numbers(3, 5))
writer.add_tensor("half", numbers(2, 64).astype(np.float16))
q = numbers(4, 64)
writer.add_tensor("blocks", quantize(q, GGMLQuantizationType.Q8_0), raw_dtype=GGMLQuantizationType.Q8_0)
writer.add_tensor("stacked", numbers(2, 2, 32))
writer.add_tensor("row", numbers(96))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
