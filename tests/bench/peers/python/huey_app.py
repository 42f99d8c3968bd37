"""Huey: 4 threads, no results, no periodic tasks. No bulk call."""

from huey import RedisHuey

from meter import URL, begin

huey = RedisHuey("peers", url=URL, results=False)


@huey.task(name="nothing")
def nothing(payload):
    begin(payload)


def one(payload):
    nothing(payload)
