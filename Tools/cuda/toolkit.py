"""What an unpacked PyTorch was built with, read from its requirements.

    python3 toolkit.py FOLDER                prints the series of its CUDA toolkit, such as 13.0
    python3 toolkit.py FOLDER nvidia-nccl    prints the requirement whose name starts like this, such as nvidia-nccl-cu13==2.28.9
"""

import re
import sys
from pathlib import Path

folder = Path(sys.argv[1])
metadata = next(folder.glob("torch-*.dist-info")) / "METADATA"
requirements = re.findall(r"^Requires-Dist: ([^;\s]+==[^;\s]+)", metadata.read_text(encoding="utf-8"), re.MULTILINE)
if len(sys.argv) > 2:
    print(next(each for each in requirements if each.startswith(sys.argv[2])))
else:
    toolkit = next(each for each in requirements if each.startswith("cuda-toolkit"))
    print(".".join(toolkit.split("==")[1].split(".")[:2]))
