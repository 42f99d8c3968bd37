"""What the jobs of the Python peers share: the payload and the account of jobs begun.

Times are CLOCK_MONOTONIC in nanoseconds, which all processes of a machine share.
"""

import itertools
import os
import time

URL = os.environ["PEERS_REDIS"]


def payload(at=0):
    """The argument of every job: 200 bytes as JSON. `at` is the time of submission, or 0 when no one asks."""
    return {"at": at, "filler": "x" * (181 - len(str(at)))}


class Account:
    """The jobs that this process has begun, in a file that the harness reads while the worker runs.

    A line for every `step` jobs (`time count`), so that the account costs a job next to nothing; and a line
    for every job that carries a time of submission (its delay), in a second file.
    """

    def __init__(self, folder, worker, step):
        self.folder, self.worker, self.step = folder, worker, step
        self.open()
        # The children of a forking pool each keep their own account.
        os.register_at_fork(after_in_child=self.open)

    def open(self):
        name = f"{self.worker}-{os.getpid()}"
        flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND
        self.begun = os.open(os.path.join(self.folder, f"begun-{name}"), flags)
        self.delays = os.open(os.path.join(self.folder, f"delays-{name}"), flags)
        self.count = itertools.count(1)  # `next` on it is atomic: pools of threads share it

    def begin(self, payload):
        now = time.monotonic_ns()
        count = next(self.count)
        if count % self.step == 0:
            os.write(self.begun, b"%d %d\n" % (now, count))
        if payload["at"]:
            os.write(self.delays, b"%d\n" % (now - payload["at"]))


if "PEERS_FOLDER" in os.environ:
    begin = Account(
        os.environ["PEERS_FOLDER"], os.environ["PEERS_WORKER"], int(os.environ["PEERS_STEP"])
    ).begin
else:

    def begin(payload):
        raise RuntimeError("this process was started to submit jobs, not to run them")
