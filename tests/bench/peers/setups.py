"""The peers: how each worker is started, and how each submits. README.md says why so."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Peer:
    name: str
    runtime: str  # python, node or rust: see install.py
    app: str  # the module, script or binary that submits (and that runs, unless `worker` says otherwise)
    worker: list[str]  # with {bin} the folder of programs, {app}, {number} the worker's, {url} Redis's
    share: float = 1.0  # of --jobs: slow peers drain fewer, so that all take seconds and none minutes
    environment: dict[str, str] = field(default_factory=dict)

    def jobs(self, jobs):
        return max(600, int(jobs * self.share))


CELERY = "{bin}/celery -A celery_app worker -n peer{number}@%h --loglevel ERROR --without-gossip --without-mingle"
TASKIQ = "{bin}/taskiq worker -w 1 --log-level WARNING --max-async-tasks 100 --max-prefetch 100 --no-parse"

PEERS = [
    Peer("celery", "python", "celery_app", f"{CELERY} --without-heartbeat -P prefork -c 2".split(), share=0.1),
    Peer("celery_threads", "python", "celery_app", f"{CELERY} --without-heartbeat -P threads -c 10".split(), share=0.1),
    Peer(
        "dramatiq",
        "python",
        "dramatiq_app",
        "{bin}/dramatiq dramatiq_app -p 1 -t 8".split(),
        share=0.3,
        environment={"dramatiq_queue_prefetch": "100"},
    ),
    Peer("rq", "python", "rq_app", "{bin}/rq worker -q -w rq.SimpleWorker -u {url}".split(), share=0.02),
    Peer("arq", "python", "arq_app", "{bin}/python arq_app.py".split(), share=0.15),
    Peer("taskiq", "python", "taskiq_app", [*TASKIQ.split(), "taskiq_app:broker"], share=0.3),
    Peer("huey", "python", "huey_app", "{bin}/huey_consumer huey_app.huey -w 4 -k thread -n -q".split(), share=0.3),
    Peer("bullmq", "node", "bullmq.js", ["node", "{app}", "worker"]),
    Peer("bee_queue", "node", "bee_queue.js", ["node", "{app}", "worker"]),
    Peer("apalis", "rust", "peer-apalis", ["{app}", "worker"], share=0.2),
    Peer("apalis_unlocked", "rust", "peer-apalis", ["{app}", "worker"], environment={"PEERS_UNLOCKED": "1"}),
]

# Who is also drained through the proxy unless --rtt-peers says otherwise.
RTT_PEERS = ["celery", "bullmq", "bee_queue"]
