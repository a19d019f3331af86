"""Part: the machine, its software, and its peak rates."""

import json
import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path

from budget import Budget
from measurement import Measurement
from processes import Failed, Stopped, run


def environment(on: Measurement, budget: Budget, figures: dict) -> None:
    figures["time"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    figures["system"] = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores"
    figures["python"] = platform.python_version()
    figures["program"] = on.program.run(["--version"], budget, 20).check().stdout.strip()
    figures["data"] = on.work.source
    for name, question in {
        "nvidia-smi -L": ["nvidia-smi", "-L"],
        "nvidia-smi": ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,power.limit,clocks.max.sm,temperature.gpu",
                       "--format=csv,noheader"],
    }.items():
        try:
            figures[name] = run(question, budget, 15).check().lines
        except (OSError, Failed, Stopped) as error:
            figures[name] = [f"not there: {error}"[:200]]
    count = run([sys.executable, "-c", "import torch; print(torch.cuda.device_count())"], budget, 30)
    on.devices = figures["devices"] = int(count.lines[-1]) if count.code == 0 else 0
    if on.program.has_command("doctor"):
        doctor = on.program.run(["doctor"], budget, 40)
        figures["doctor"] = {"code": doctor.code, "lines": doctor.lines}
    else:
        figures["doctor"] = "this build has no doctor"
    on.peers.prepare(budget, on.pip_seconds, on.wheels)
    figures["peers"] = {name: on.peers.missing.get(name, "there") for name in on.peer_names}
    ceiling = run(
        [sys.executable, str(Path(__file__).with_name("ceiling.py")), "--device", on.device], budget, 45, on.one_device).check()
    on.ceiling = figures["ceiling"] = json.loads(ceiling.lines[-1])
