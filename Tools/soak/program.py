"""The program under test in a folder of its own, and what a run leaves there."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEMO = ROOT / "Demo"
MODEL = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 1536, "hidden_size": 16,
    "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
    "hidden_act": "silu", "max_position_embeddings": 1024, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
    "tie_word_embeddings": True, "attention_bias": False, "bos_token_id": 0, "eos_token_id": 2,
}


class Site:
    """A folder with a tiny model; every process that is started from here is ended with it at the latest."""

    program = ROOT / ".build/release/minimind-dpo"

    def __init__(self, folder):
        self.folder = folder
        self.mark = f"SOAK_SITE={folder.name}-{os.getpid()}"
        (folder / "model.json").write_text(json.dumps(MODEL))
        self.run(["init", "--model-config", "model.json", "--tokenizer", str(DEMO), "--to", "model"])

    def environment(self, more=None):
        name, value = self.mark.split("=")
        kept = {key: text for key, text in os.environ.items() if key not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
        # One thread each: sums have one order. On the CPU: two ranks may share no GPU.
        return kept | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "NO_COLOR": "1", name: value,
                       "MINIMIND_DPO_CACHE": str(self.folder / ".cache")} | (more or {})

    def training(self, output, steps=40, every=4):
        return ["train", "--model", str(self.folder / "model"), "--train-data", str(DEMO / "train.jsonl"),
                "--output-dir", output, "--batch-size", "6", "--max-steps", str(steps), "--save-steps", str(every),
                "--logging-steps", "1", "--learning-rate", "1e-3"]

    def start(self, words, name="job", environment=None, before=()):
        """Starts the program; its words go to NAME.log."""
        with open(self.folder / f"{name}.log", "wb") as log:
            return subprocess.Popen(
                [*before, str(self.program), *words], cwd=self.folder, env=self.environment(environment),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def log(self, name="job"):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def run(self, words, name="job", environment=None, code=0, limit=600):
        """Runs the program to its end, which has to come, with an exit code."""
        process = self.start(words, name, environment)
        try:
            found = process.wait(limit)
        except subprocess.TimeoutExpired:
            self.end()
            raise Broken(f"{' '.join(words)} did not end within {limit} s\n{self.log(name)[-2000:]}") from None
        if found != code:
            raise Broken(f"{' '.join(words)} ended with {found} instead of {code}\n{self.log(name)[-2000:]}")

    def processes(self):
        """Those of this site that are alive, with their ranks (None where they have none)."""
        found = {}
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if self.mark.encode() in variables:
                ranks = [text[5:] for text in variables if text.startswith(b"RANK=")]
                found[int(entry.name)] = int(ranks[0]) if ranks else None
        return found

    def end(self):
        """Ends everything that was started here."""
        for _ in range(100):
            left = self.processes()
            if not left:
                return
            for process in left:
                kill(process)
            time.sleep(0.02)

    def outcome(self, output="out"):
        """The weights of a run's result and its curve, for comparison."""
        folder = self.folder / output
        records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        curve = [[record[key] for key in ("step", "loss", "grad_norm", "learning_rate", "rewards/margins")]
                 for record in records if "event" not in record and "loss" in record]
        return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(), curve

    def check_checkpoints(self, output="out"):
        """Every checkpoint in a folder is what its manifest says."""
        for folder in (self.folder / output).glob("checkpoint-*"):
            files = json.loads((folder / "manifest.json").read_text())["files"]
            for name, known in files.items():
                found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
                if found != known["sha256"]:
                    raise Broken(f"{folder.name}/{name} is not what its manifest says")


class Broken(Exception):
    """A promise that did not hold."""


def kill(process, number=signal.SIGKILL):
    try:
        os.kill(process, number)
    except ProcessLookupError:
        pass


def eventually(what, look, limit=300):
    """Looks again and again until something is so, and returns what was found."""
    late = time.monotonic() + limit
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > late:
            raise Broken(f"not within {limit} s: {what}")
        time.sleep(0.005)
