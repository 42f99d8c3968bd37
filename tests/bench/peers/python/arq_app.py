"""arq: 100 jobs at once, polling every 10 ms (half a second by default), results not kept. No bulk call."""

from arq import create_pool, run_worker
from arq.connections import RedisSettings

from meter import URL, begin

SETTINGS = RedisSettings.from_dsn(URL)


async def nothing(_context, payload):
    begin(payload)


class WorkerSettings:
    functions = [nothing]
    redis_settings = SETTINGS
    max_jobs = 100
    poll_delay = 0.01
    keep_result = 0


async def connect():
    global pool
    pool = await create_pool(SETTINGS)


async def one(payload):
    await pool.enqueue_job("nothing", payload)


async def close():
    await pool.aclose()


if __name__ == "__main__":
    # The worker: not through arq's command line, which logs every job.
    run_worker(WorkerSettings)
