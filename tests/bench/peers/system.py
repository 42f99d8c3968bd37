"""The machine below the measurements: a throw-away Redis, the proxy in front of it, and what /proc tells."""

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Redis:
    """A redis-server on a free loopback port without persistence, and one connection to it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="graphmill-peers-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            ["redis-server", *arguments, "--dir", self.folder.name, "--loglevel", "warning"],
            stdout=subprocess.DEVNULL,
        )
        self.socket = self._connect()
        self.replies = self.socket.makefile("rb")

    def _connect(self):
        deadline = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port))
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("redis-server did not start") from None
                time.sleep(0.02)

    def command(self, *words):
        parts = [str(word).encode() for word in words]
        request = b"*%d\r\n" % len(parts)
        self.socket.sendall(request + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        line = self.replies.readline().rstrip(b"\r\n")
        if line[:1] == b"-":
            raise RuntimeError(line[1:].decode())
        if line[:1] == b"$":
            return self.replies.read(int(line[1:]) + 2)[:-2].decode()
        return line[1:].decode()

    def info(self, section):
        lines = (line.partition(":") for line in self.command("INFO", section).splitlines())
        return {name: value for name, _, value in lines if value}

    def flush(self):
        self.command("FLUSHALL", "SYNC")
        self.command("SCRIPT", "FLUSH", "SYNC")
        self.command("MEMORY", "PURGE")

    def cpu_seconds(self):
        info = self.info("cpu")
        return float(info["used_cpu_sys"]) + float(info["used_cpu_user"])

    def used_memory(self):
        return int(self.info("memory")["used_memory"])

    def calls(self):
        """All commands so far, those inside scripts included, our own not."""
        own = {"info", "flushall", "memory|purge", "script|flush"}
        stats = self.info("commandstats").items()
        counts = {name.removeprefix("cmdstat_"): int(value.split(",")[0].split("=")[1]) for name, value in stats}
        return sum(count for name, count in counts.items() if name not in own)

    def close(self):
        self.socket.close()
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def _round_trip_ms(port):
    """Median of a bare PING."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times = []
        for _ in range(300):
            begun = time.perf_counter()
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000


class Proxy:
    """`proxy.py` in front of a Redis, delaying every answer so that a round trip takes `rtt_ms` longer.

    The proxy's own work takes part of that time; how much is measured first. `added_ms` is what it came to.
    """

    def __init__(self, redis, rtt_ms):
        self.process = None
        without = _round_trip_ms(redis.port)
        delay_ms = rtt_ms
        for _ in range(2):
            self.close()
            self._start(redis, max(0.0, delay_ms))
            self.added_ms = _round_trip_ms(self.port) - without
            delay_ms += rtt_ms - self.added_ms

    def _start(self, redis, delay_ms):
        arguments = [str(HERE / "proxy.py"), str(redis.port), str(delay_ms)]
        self.process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


def _stat(pid):
    # The name, in brackets, may hold anything; what follows it is plain.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(pid):
    """The process and all that descend from it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents.setdefault(int(_stat(entry)[1]), []).append(int(entry))
            except OSError:
                continue  # it ended meanwhile
    found = [pid]
    for parent in found:
        found.extend(parents.get(parent, []))
    return found


def cpu_seconds(pids):
    """User and system time of the processes and of the children they have waited for."""
    total = 0
    for pid in pids:
        try:
            total += sum(int(ticks) for ticks in _stat(pid)[11:15])
        except OSError:
            continue
    return total / TICKS_PER_SECOND


def rss_mb(pids):
    """Resident memory, added up: pages that forked processes share count once for each."""
    total_kb = 0
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        total_kb += next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)
    return total_kb / 1024


def busy_seconds():
    """CPU time of the whole machine that was not idle."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / TICKS_PER_SECOND


def stop(process):
    """Ends a worker at once with all its processes. Redis is emptied afterwards, so nothing is worth a clean end."""
    pids = tree(process.pid)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def description(redis):
    """What a figure has to be read with."""
    cpu = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), ":")
    return {
        "cpu": cpu.partition(":")[2].strip(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": os.uname().release,
        "redis": redis.info("server")["redis_version"],
        "python": sys.version.split()[0],
        "node": subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip(),
        "load_before": round(os.getloadavg()[0], 2),
    }
