"""RQ: SimpleWorker, which runs jobs in its own process instead of forking for each; results not kept."""

from redis import Redis
from rq import Queue

from meter import URL, begin

queue = Queue(connection=Redis.from_url(URL))


def nothing(payload):
    begin(payload)


def one(payload):
    queue.enqueue(nothing, payload, result_ttl=0)


def many(payloads):
    queue.enqueue_many(
        Queue.prepare_data(nothing, (payload,), result_ttl=0) for payload in payloads
    )
