"""What is measured, and how: one method a figure. Each starts from an empty Redis and leaves no process behind."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import system

LOW, HIGH = 0.10, 0.95
RATE_PER_SECOND = 100
QUEUED_JOBS = 20_000
# A drain in which no job begins for this long has failed.
STALLED_SECONDS = 30
SETTLE_SECONDS = 3


class Failed(Exception):
    """A peer did not do what was asked of it; the message says what it did."""


class Run:
    """The running workers of one peer, and the accounts they keep of the jobs they have begun."""

    def __init__(self, installed, url, workers=1, step=1):
        self.folder = Path(tempfile.mkdtemp(prefix="graphmill-peers-"))
        self.processes = []
        for number in range(workers):
            environment = {
                **installed.environment,
                "PEERS_REDIS": url,
                "PEERS_FOLDER": str(self.folder),
                "PEERS_WORKER": str(number),
                "PEERS_STEP": str(step),
            }
            with open(self.folder / f"log-{number}", "wb") as log:
                self.processes.append(
                    subprocess.Popen(
                        installed.worker(number, url),
                        cwd=installed.folder,
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )

    def accounts(self):
        """For each process, the worker it belongs to and its (time, count) pairs."""
        for file in self.folder.glob("begun-*"):
            lines = file.read_text().rpartition("\n")[0].splitlines()
            yield file.name.split("-")[1], [tuple(map(int, line.split())) for line in lines]

    def begun(self):
        """The jobs begun so far, up to the last whole step: only the ends of the files are read."""
        total = 0
        for file in self.folder.glob("begun-*"):
            with file.open("rb") as account:
                account.seek(max(0, account.seek(0, os.SEEK_END) - 100))
                lines = account.read().rpartition(b"\n")[0].splitlines()
            total += int(lines[-1].split()[1]) if lines else 0
        return total

    def delays(self):
        files = self.folder.glob("delays-*")
        return [int(line) for file in files for line in file.read_text().rpartition("\n")[0].splitlines()]

    def wait(self, count, measure=None):
        """Until so many jobs have begun, or an exception if nothing happens any more."""
        measure = measure or self.begun
        seen, since = -1, time.monotonic()
        while True:
            now = measure()
            if now >= count:
                return
            if now > seen:
                seen, since = now, time.monotonic()
            dead = [process.returncode for process in self.processes if process.poll() is not None]
            if dead or time.monotonic() - since > STALLED_SECONDS:
                state = f"worker ended with {dead[0]}" if dead else "worker stalled"
                raise Failed(f"{state} at {now} of {count} jobs: {self.log()}")
            time.sleep(0.02)

    def log(self):
        texts = [(self.folder / f"log-{number}").read_text(errors="replace") for number in range(len(self.processes))]
        return " ".join("".join(texts).split())[-600:] or "(no output)"

    def pids(self):
        return [pid for process in self.processes for pid in system.tree(process.pid)]

    def close(self):
        for process in self.processes:
            system.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)


class Harness:
    """Measures one peer. Every figure returns its part of the result, named as in `graphmill bench queue --json`."""

    FIGURES = ["drain", "drain2", "rtt", "submit", "bulk", "latency", "idle", "memory"]

    def __init__(self, redis, installed, jobs, seconds, rtt_url=None):
        self.redis, self.installed, self.jobs, self.seconds = redis, installed, jobs, seconds
        self.rtt_url = rtt_url
        # What is watched at its own pace takes ten seconds, except where one only looks whether all works.
        self.watch_seconds = 10 if seconds >= 1 else 2

    def measure(self, figures):
        result, errors = {}, {}
        for figure in self.FIGURES:
            if figure in figures:
                try:
                    result |= getattr(self, figure)()
                except (Failed, subprocess.TimeoutExpired) as failure:
                    errors[figure] = str(failure)
        return {**result, "errors": errors} if errors else result

    @contextlib.contextmanager
    def _workers(self, **options):
        run = Run(self.installed, **{"url": self.redis.url, **options})
        try:
            yield run
        finally:
            run.close()

    def _produce(self, *words):
        """Runs the peer's own submitting program and returns what it prints."""
        done = subprocess.run(
            self.installed.producer(*words),
            cwd=self.installed.folder,
            env={**self.installed.environment, "PEERS_REDIS": self.redis.url},
            capture_output=True,
            text=True,
            timeout=600,
        )
        if done.returncode != 0:
            raise Failed(f"submitting ended with {done.returncode}: {' '.join(done.stderr.split())[-600:]}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    def _drain(self, **options):
        """Works a queue off that was filled beforehand, and samples at the two marks."""
        self.redis.flush()
        self._produce("fill", self.jobs)
        samples = []
        with self._workers(step=max(1, self.jobs // 1000), **options) as run:
            for mark in (LOW, HIGH):
                run.wait(mark * self.jobs)
                samples.append(self._sample(run))
            return samples, _rate(list(run.accounts()), self.jobs)

    def _sample(self, run):
        worker, redis = system.cpu_seconds(run.pids()), self.redis.cpu_seconds()
        others = system.busy_seconds() - worker - redis - sum(os.times()[:2])
        return run.begun(), worker, redis, others, time.monotonic()

    def drain(self):
        """Jobs a second with one worker, what they cost, and how many cores others used meanwhile."""
        samples, rate = self._drain()
        jobs, worker, redis, others, seconds = (high - low for low, high in zip(*samples))
        return {
            "drain_per_s": rate,
            "cpu_us_per_job": {"worker": worker / max(1, jobs) * 1e6, "redis": redis / max(1, jobs) * 1e6},
            "foreign_cores": max(0.0, others / seconds),
        }

    def drain2(self):
        return {"drain_2_workers_per_s": self._drain(workers=2)[1]}

    def rtt(self):
        """The drain again, through the proxy, for the peers that are to take it."""
        return {"drain_rtt_per_s": self._drain(url=self.rtt_url)[1]} if self.rtt_url else {}

    def submit(self):
        """Submissions a second: one after the other, and the better of that and many at once on a connection."""
        self.redis.flush()
        serial, concurrent = (self._produce(verb, self.seconds) for verb in ("serial", "concurrent"))
        return {"submit_serial_per_s": serial, "submit_one_per_s": max(serial, concurrent or 0)}

    def bulk(self):
        self.redis.flush()
        return {"submit_bulk_per_s": self._produce("bulk", self.seconds)}

    def memory(self):
        """Bytes of Redis for each job that waits."""
        jobs = min(QUEUED_JOBS, 10 * self.jobs)
        self.redis.flush()
        empty = self.redis.used_memory()
        self._produce("fill", jobs)
        return {"redis_bytes_per_job": (self.redis.used_memory() - empty) / jobs}

    @contextlib.contextmanager
    def _ready_worker(self):
        """A worker that has run one job, so that it is up and connected."""
        self.redis.flush()
        with self._workers() as run:
            self._produce("fill", 1)
            run.wait(1)
            yield run

    def latency(self):
        """Milliseconds from the submitting call to the first line of the job, at a fixed rate."""
        with self._ready_worker() as run:
            self._produce("paced", RATE_PER_SECOND, self.watch_seconds)
            run.wait(RATE_PER_SECOND * self.watch_seconds, lambda: len(run.delays()))
            delays = sorted(run.delays())
        return {"latency_ms": {f"p{part}": delays[len(delays) * part // 100] / 1e6 for part in (50, 99)}}

    def idle(self):
        """What a worker with nothing to do costs: Redis commands a second and resident memory."""
        with self._ready_worker() as run:
            time.sleep(SETTLE_SECONDS)
            calls, begun = self.redis.calls(), time.monotonic()
            time.sleep(self.watch_seconds)
            commands = (self.redis.calls() - calls) / (time.monotonic() - begun)
            return {"idle_commands_per_s": commands, "rss_mb": system.rss_mb(run.pids())}


def _rate(accounts, jobs):
    """Jobs a second from the low mark, or from when the last worker had begun, to the high mark.

    Every process tells its own count at certain times; the sum at a time is that of the latest counts.
    """
    starts = {}
    for worker, points in accounts:
        if points:
            starts[worker] = min(points[0][0], starts.get(worker, points[0][0]))
    events = sorted((at, index, count) for index, (_, points) in enumerate(accounts) for at, count in points)
    latest, start = {}, None
    for at, index, count in events:
        latest[index] = count
        total = sum(latest.values())
        if start is None and total >= LOW * jobs and at >= max(starts.values()):
            start = at, total
        if start and total >= HIGH * jobs and total - start[1] >= (HIGH - LOW) / 2 * jobs:
            return (total - start[1]) / (at - start[0]) * 1e9
    raise Failed("the queue was half empty before every worker had begun: more jobs are needed")
