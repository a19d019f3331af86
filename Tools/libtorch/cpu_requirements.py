"""Prints what pip must install beside a CUDA build of PyTorch so that its libtorch_cpu loads on a machine without a GPU.

libtorch_cpu of a CUDA build is linked against two small libraries of NVIDIA's: the CUDA runtime (libcudart) and the
profiling interface (libcupti). Everything else, gigabytes of it, is needed only by libtorch_cuda, which this program
then does not load. The pins are those of torch's own METADATA, which spells them in one of two ways:

    nvidia-cuda-runtime-cu12==12.8.90; platform_system == "Linux"                    a requirement for each library
    cuda-toolkit[cublas,cudart,cupti,...]==13.0.2; platform_system == "Linux"        extras of one meta package

Environment markers are passed on: pip evaluates them.

    python3 cpu_requirements.py SITE_PACKAGES      the folder that holds torch/ and torch-*.dist-info/
"""

import re
import sys
from pathlib import Path

WHEELS = re.compile(r"nvidia-cuda-(runtime|cupti)(-cu\d+)?$")
EXTRAS = ("cudart", "cupti")
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*(?:\[(?P<extras>[^\]]*)\])?\s*(?P<rest>.*)")


def metadata_of_torch(packages: Path) -> str:
    found = sorted(packages.glob("torch-*.dist-info/METADATA"))
    if len(found) != 1:
        sys.exit(f"cpu_requirements: expected one torch-*.dist-info/METADATA in {packages}, found {len(found)}")
    return found[0].read_text(encoding="utf-8")


def requirements(metadata: str) -> list[str]:
    """The requirements of cudart and cupti among the `Requires-Dist` lines, in their order."""
    header = metadata.split("\n\n", 1)[0]  # what follows the empty line is the description
    needed = []
    for line in re.findall(r"^Requires-Dist:\s*(.+)$", header, re.MULTILINE):
        requirement = REQUIREMENT.match(line.strip())
        if requirement is None or re.search(r"\bextra\s*==", line):
            continue
        name = re.sub(r"[-_.]+", "-", requirement["name"]).lower()
        extras = [extra.strip().lower() for extra in (requirement["extras"] or "").split(",")]
        wanted = [extra for extra in EXTRAS if extra in extras]
        if WHEELS.match(name):
            needed.append(f"{name}{requirement['rest']}")
        elif name == "cuda-toolkit" and wanted:
            needed.append(f"{name}[{','.join(wanted)}]{requirement['rest']}")
    return needed


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: cpu_requirements.py SITE_PACKAGES")
    packages = Path(sys.argv[1])
    needed = requirements(metadata_of_torch(packages))
    if not needed:
        sys.exit(f"cpu_requirements: the torch in {packages} names neither cudart nor cupti among its requirements")
    print("\n".join(needed))


if __name__ == "__main__":
    main()
