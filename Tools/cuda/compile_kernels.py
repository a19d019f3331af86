#!/usr/bin/env python3
"""Compiles Sources/CKernels/cuda/device with NVRTC for several architectures, as the program does on a user's machine.

    compile_kernels.py [--nvrtc FOLDER_OR_FILE] [--arch sm_80 ...] [--ptx FILE]

FOLDER is searched for libnvrtc.so.*: the `nvidia` folder of a Python environment's site-packages, for example, or a CUDA
toolkit. No GPU and no driver are needed. Prints the registers, the shared memory and the bytes spilled of each kernel, and
ends with 1 where something does not compile, warns or spills.
"""

import argparse
import ctypes
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Sources/CKernels/cuda/device"
ENTRY = "kernels.cuh"
# Those of Sources/CKernels/cuda/host/compiler.cpp; the last makes the compiler report registers.
OPTIONS = ["-std=c++17"]
REPORT = "--ptxas-options=-v"


def find_library(place):
    if place is None:
        return "libnvrtc.so"
    path = pathlib.Path(place)
    if path.is_file():
        return str(path)
    found = sorted(p for p in path.rglob("libnvrtc.so*") if "alt" not in p.name)
    if not found:
        sys.exit(f"{path}: no libnvrtc.so below it; it comes with `pip install nvidia-cuda-nvrtc`")
    return str(found[-1])


class Compiler:
    def __init__(self, library):
        try:
            self.nvrtc = ctypes.CDLL(library)
        except OSError as error:
            sys.exit(f"{error}: name the folder of libnvrtc with --nvrtc")
        # NVRTC opens this one by name, which finds a loaded library even if no search path leads to its folder.
        for builtins in pathlib.Path(library).parent.glob("libnvrtc-builtins.so*"):
            ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
        self.nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p

    def check(self, status, log=""):
        if status != 0:
            sys.exit(f"NVRTC: {self.nvrtc.nvrtcGetErrorString(status).decode()}\n{log}")

    def version(self):
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.check(self.nvrtc.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
        return f"{major.value}.{minor.value}"

    def architectures(self):
        count = ctypes.c_int()
        self.check(self.nvrtc.nvrtcGetNumSupportedArchs(ctypes.byref(count)))
        numbers = (ctypes.c_int * count.value)()
        self.check(self.nvrtc.nvrtcGetSupportedArchs(numbers))
        return [f"sm_{number}" for number in numbers]

    def text(self, program, name):
        size = ctypes.c_size_t()
        self.check(getattr(self.nvrtc, f"nvrtcGet{name}Size")(program, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        self.check(getattr(self.nvrtc, f"nvrtcGet{name}")(program, buffer))
        return buffer.raw

    def compile(self, entry, headers, options):
        program = ctypes.c_void_p()
        names = (ctypes.c_char_p * len(headers))(*(name.encode() for name in headers))
        texts = (ctypes.c_char_p * len(headers))(*headers.values())
        self.check(
            self.nvrtc.nvrtcCreateProgram(
                ctypes.byref(program), entry, ENTRY.encode(), len(headers), texts, names
            )
        )
        listed = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        status = self.nvrtc.nvrtcCompileProgram(program, len(options), listed)
        log = self.text(program, "ProgramLog").rstrip(b"\0").decode()
        self.check(status, log)
        return self.text(program, "CUBIN"), self.text(program, "PTX"), log


def kernels(log):
    """Name, registers, shared bytes and spilled bytes, as the assembler reports them."""
    pattern = re.compile(
        r"Compiling entry function '(?P<name>\w+)'.*?(?P<spilled>\d+) bytes spill stores.*?Used (?P<registers>\d+) registers"
        r"(?P<rest>[^\n]*)",
        re.S,
    )
    for match in pattern.finditer(log):
        shared = re.search(r"(\d+) bytes smem", match["rest"])
        yield match["name"], int(match["registers"]), int(shared[1]) if shared else 0, int(match["spilled"])


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--nvrtc", help="libnvrtc.so, or a folder somewhere above it")
    arguments.add_argument("--arch", nargs="+", default=["sm_80", "sm_90", "sm_100"])
    arguments.add_argument("--ptx", help="writes the PTX of the last architecture to this file")
    options = arguments.parse_args()
    compiler = Compiler(find_library(options.nvrtc))
    known = compiler.architectures()
    entry = (FOLDER / ENTRY).read_bytes()
    headers = {path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.cuh")) if path.name != ENTRY}
    print(f"NVRTC {compiler.version()}, {len(headers) + 1} files of {FOLDER.name}/")
    failures, compiled, table = [], [], {}
    carried = (FOLDER.parent / "host" / "source.cpp").read_text()
    failures += [f"host/source.cpp does not carry {name}" for name in headers if f'{{"{name}", ' not in carried]
    for arch in options.arch:
        if arch not in known:
            print(f"{arch}: this NVRTC does not know it; left out")
            continue
        image, ptx, log = compiler.compile(entry, headers, [*OPTIONS, f"--gpu-architecture={arch}", REPORT])
        found = list(kernels(log))
        compiled.append(arch)
        print(f"{arch}: {len(found)} kernels, {len(image)} bytes")
        failures += [f"{arch}: {line.strip()}" for line in log.splitlines() if "warning" in line]
        failures += [f"{arch}: {name} spills {spilled} bytes" for name, _, _, spilled in found if spilled]
        if not found:
            failures.append(f"{arch}: the assembler reported no kernel")
        for name, registers, shared, _ in found:
            table.setdefault(name, {})[arch] = f"{registers}+{shared}"
        if options.ptx:
            pathlib.Path(options.ptx).write_bytes(ptx.rstrip(b"\0"))
    print(f"\n{'registers+shared bytes':<44}" + "".join(f"{arch:>12}" for arch in compiled))
    for name in sorted(table):
        print(f"{name:<44}" + "".join(f"{table[name].get(arch, '?'):>12}" for arch in compiled))
    for failure in failures:
        print(failure, file=sys.stderr)
    if not compiled:
        failures.append("none of the architectures could be tried")
        print(failures[-1], file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
