"""Dramatiq: one process of 8 threads, 100 messages fetched ahead (by environment variable). No bulk call."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from meter import URL, begin

dramatiq.set_broker(RedisBroker(url=URL))


@dramatiq.actor
def nothing(payload):
    begin(payload)


def one(payload):
    nothing.send(payload)
