"""taskiq: Redis streams with acknowledgement, 100 tasks at once and 100 ahead, no result backend. No bulk call."""

from taskiq_redis import RedisStreamBroker

from meter import URL, begin

# From the beginning of the stream, whoever makes the consumer group first.
broker = RedisStreamBroker(URL, consumer_id="0")


@broker.task(task_name="nothing")
async def nothing(payload):
    begin(payload)


async def one(payload):
    await nothing.kiq(payload)


connect, close = broker.startup, broker.shutdown
