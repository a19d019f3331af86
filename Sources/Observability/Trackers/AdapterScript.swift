/// The adapter: a Python program that sends the records of a run to a tracker, from a process of its own.
///
/// It follows `metrics.jsonl` from the disk, so that nothing waits for it. What it has delivered it notes down in
/// `trackers/NAME.sent`; a run that is resumed writes some records again, and these are not sent twice. Its standard input is
/// the line to the run: when that ends, the run has ended, however it did.
enum AdapterScript {
  static let fileName = "follow.py"

  static let text = #"""
    """Sends the numbers of a run to a tracker, as they are written to metrics.jsonl.

    minimind-dpo starts this for --report-to. By hand it delivers what is still missing of a run:

        python3 trackers/follow.py swanlab|wandb|trackio
    """
    import fcntl
    import inspect
    import json
    import math
    import os
    import select
    import signal
    import sys
    import time

    PATIENCE = 60  # seconds to deliver the rest in, once the run has ended
    DEFAULT_PROJECT = "minimind-dpo"


    class Journal:
        """What has been delivered: how many records of each step."""

        def __init__(self, path):
            self.path, self.sent, self.seen = path, {}, {}
            self.file = open(path, "a+")
            self.wait_for_others()
            self.file.seek(0)
            for line in self.file:
                if line.endswith("\n") and line.strip().isdigit():
                    self.note(int(line))

        def wait_for_others(self):
            """The adapter of an earlier start of the run may still be at work."""
            end = time.monotonic() + PATIENCE + 10
            while True:
                try:
                    return fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise RuntimeError("another adapter of this run is at work and does not end")
                    time.sleep(0.2)
                except OSError:
                    return  # a file system without locks

        def note(self, step):
            self.sent[step] = self.sent.get(step, 0) + 1

        def is_new(self, step):
            """Whether the next record of the step, in the order of the file, was not delivered yet."""
            self.seen[step] = self.seen.get(step, 0) + 1
            return self.seen[step] > self.sent.get(step, 0)

        def add(self, step):
            self.note(step)
            self.file.write("%d\n" % step)
            self.file.flush()

        def move(self, path):
            self.path, self.seen = path, {}
            self.file = open(path, "w")
            for step in sorted(self.sent):
                self.file.write(("%d\n" % step) * self.sent[step])
            self.file.flush()


    class Follower:
        """The lines of a file, as they come."""

        def __init__(self, path):
            self.path, self.file, self.rest = path, None, b""

        def lines(self):
            if self.file is None:
                try:
                    self.file = open(self.path, "rb")
                except FileNotFoundError:
                    return
            while True:
                part = self.file.readline()
                if not part:
                    return
                self.rest += part
                if self.rest.endswith(b"\n"):
                    line, self.rest = self.rest, b""
                    yield line


    def tag(name):
        """The names that transformers uses: loss -> train/loss, eval_loss -> eval/loss."""
        if name.startswith(("guard_loss", "samples")):
            return "eval/" + name
        return "eval/" + name[5:] if name.startswith("eval_") else "train/" + name


    def numbers(record):
        found = {}
        for name, value in record.items():
            if name != "step" and isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
                found[tag(name)] = value
        return found


    class SwanLab:
        def __init__(self, run, folder, resumes):
            import swanlab

            self.module = swanlab
            known = inspect.signature(swanlab.init).parameters
            settings = {
                "project": run["project"] or os.environ.get("SWANLAB_PROJECT") or os.environ.get("SWANLAB_PROJ_NAME")
                or DEFAULT_PROJECT,
                "name" if "name" in known else "experiment_name": run["name"] or os.environ.get("SWANLAB_EXP_NAME")
                or run["folder"],
                "id": run["id"], "resume": "allow", "config": run["config"],
            }
            if not (os.environ.get("SWANLAB_LOG_DIR") or os.environ.get("SWANLAB_LOG_DIR_PATH")):
                settings["log_dir" if "log_dir" in known else "logdir"] = os.path.join(folder, "swanlog")
            swanlab.init(**settings)

        def log(self, values, step):
            self.module.log(values, step=step)

        def finish(self, ok):
            if "state" in inspect.signature(self.module.finish).parameters:
                self.module.finish(state="success" if ok else "crashed")
            else:
                self.module.finish()


    class WandB:
        def __init__(self, run, folder, resumes):
            import wandb

            self.run = wandb.init(
                project=run["project"] or os.environ.get("WANDB_PROJECT") or DEFAULT_PROJECT,
                name=run["name"] or os.environ.get("WANDB_NAME") or run["folder"], id=run["id"], resume="allow",
                config=run["config"], dir=os.environ.get("WANDB_DIR") or folder,
                settings=wandb.Settings(console="off", disable_git=True, disable_code=True))
            # As transformers does: a record may be of an earlier step than the one before it.
            self.run.define_metric("train/global_step")
            self.run.define_metric("*", step_metric="train/global_step", step_sync=True)
            if not getattr(self.run, "offline", False) and self.run.url:
                say("info", "wandb: " + self.run.url)

        def log(self, values, step):
            self.run.log(dict(values, **{"train/global_step": step}))

        def finish(self, ok):
            self.run.finish(exit_code=0 if ok else 1)


    class Trackio:
        def __init__(self, run, folder, resumes):
            import trackio

            self.module = trackio
            trackio.init(
                project=run["project"] or os.environ.get("TRACKIO_PROJECT") or DEFAULT_PROJECT,
                name=run["name"] or run["folder"], config=run["config"], resume="allow" if resumes else "never",
                embed=False)

        def log(self, values, step):
            self.module.log(values, step=step)

        def finish(self, ok):
            self.module.finish()


    TRACKERS = {"swanlab": SwanLab, "wandb": WandB, "trackio": Trackio}


    class Run:
        """The run that is followed: it has ended when standard input has."""

        def __init__(self, is_live):
            self.is_live, self.text, self.moved_to = is_live, b"", None

        def wait(self, seconds):
            """Waits for news of the run; false once it has ended."""
            if not self.is_live:
                return False
            if select.select([0], [], [], seconds)[0]:
                got = os.read(0, 65536)
                if not got:
                    self.is_live = False
                    signal.alarm(PATIENCE)
                    return False
                *lines, self.text = (self.text + got).split(b"\n")
                if lines:
                    self.moved_to = os.fsdecode(lines[-1])
            return True


    def follow(name, folder, run):
        tracked = os.path.join(folder, "trackers")
        journal = Journal(os.path.join(tracked, name + ".sent"))
        with open(os.path.join(tracked, "run.json"), encoding="utf-8") as file:
            tracker = TRACKERS[name](json.load(file), tracked, resumes=bool(journal.sent))
        follower, ok, goes_on = Follower(os.path.join(folder, "metrics.jsonl")), False, True
        while True:
            for line in follower.lines():
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if "event" in record:
                    # A run that was stopped is not a failed one.
                    ok = record["event"] == "end"
                elif isinstance(record.get("step"), int) and journal.is_new(record["step"]):
                    values = numbers(record)
                    if values:
                        tracker.log(values, record["step"])
                    journal.add(record["step"])
            if not goes_on:
                break
            goes_on = run.wait(0.5)
            if run.moved_to:
                folder, run.moved_to = run.moved_to, None
                journal.move(os.path.join(folder, "trackers", name + ".sent"))
                follower = Follower(os.path.join(folder, "metrics.jsonl"))
        tracker.finish(ok)


    messages = sys.stdout


    def say(level, text):
        print(level, " ".join(text.split()), file=messages, flush=True)


    def main():
        global messages
        if len(sys.argv) != 2 or sys.argv[1] not in TRACKERS:
            sys.exit(__doc__)
        name = sys.argv[1]
        run = Run(is_live=os.environ.get("MINIMIND_DPO_FOLLOWS") == "1")
        if run.is_live:
            messages = os.fdopen(os.dup(1), "w")  # which no child of this process inherits
            os.dup2(2, 1)
            os.nice(5)
        try:
            follow(name, os.path.dirname(os.path.dirname(os.path.abspath(__file__))), run)
        except ModuleNotFoundError as error:
            import traceback

            traceback.print_exc()
            missing = error.name or name
            say("missing", missing)
            return 1
        except BaseException as error:
            import traceback

            traceback.print_exc()
            say("failed", "%s: %s" % (type(error).__name__, error))
            return 1
        return 0


    if __name__ == "__main__":
        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
        # What a package still has running must not keep a process alive that has said all.
        os._exit(code)
    """#
}
