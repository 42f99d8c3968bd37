"""Submits jobs through one peer and prints the result as JSON: null if the peer has no such call.

    produce.py APP fill N            queues N jobs as fast as the peer can
    produce.py APP serial S          submissions per second, one after the other, for S seconds
    produce.py APP concurrent S      the same with CALLERS under way at once (asynchronous peers)
    produce.py APP bulk S            jobs per second through the bulk call
    produce.py APP paced RATE S      submits at a fixed rate, each job carrying its time of submission, after a second
                                     of jobs without

APP is a module with `one(payload)`, plain or async, and if the peer offers them `many(payloads)`, `connect()` and
`close()`.
"""

import asyncio
import importlib
import inspect
import json
import sys
import time

from meter import payload

CALLERS = 50
# How many jobs a bulk call carries.
CHUNK = 1_000
# Submissions before the clock starts: connections, scripts, caches.
WARM_UP_SECONDS = 0.3


async def call(function, *arguments):
    result = function(*arguments)
    if inspect.isawaitable(result):
        await result


class Producer:
    def __init__(self, app):
        self.one = app.one
        self.many = getattr(app, "many", None)
        self.asynchronous = inspect.iscoroutinefunction(app.one)

    async def callers(self, payloads):
        async def caller():
            for argument in payloads:
                await self.one(argument)

        await asyncio.gather(*(caller() for _ in range(CALLERS)))

    async def fill(self, count):
        if self.many is None and self.asynchronous:
            await self.callers(iter([payload() for _ in range(count)]))
        elif self.many is None:
            for _ in range(count):
                self.one(payload())
        else:
            for begun in range(0, count, CHUNK):
                await call(self.many, [payload() for _ in range(min(CHUNK, count - begun))])

    async def serial(self, end):
        done = 0
        while time.monotonic() < end:
            await call(self.one, payload())
            done += 1
        return done

    async def concurrent(self, end):
        done = 0

        def payloads():
            nonlocal done
            while time.monotonic() < end:
                done += 1
                yield payload()

        await self.callers(payloads())
        return done

    async def bulk(self, end):
        done = 0
        while time.monotonic() < end:
            await call(self.many, [payload() for _ in range(CHUNK)])
            done += CHUNK
        return done

    async def paced(self, rate, seconds):
        begun, warm_up = time.monotonic(), int(rate)
        for number in range(warm_up + int(rate * seconds)):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            await call(self.one, payload(time.monotonic_ns() if number >= warm_up else 0))


async def per_second(loop, seconds):
    await loop(time.monotonic() + WARM_UP_SECONDS)
    begun = time.monotonic()
    done = await loop(begun + seconds)
    return done / (time.monotonic() - begun)


async def main(app, verb, *numbers):
    await call(getattr(app, "connect", lambda: None))
    producer, result = Producer(app), None
    if verb == "fill":
        await producer.fill(int(numbers[0]))
    elif verb == "paced":
        await producer.paced(*map(float, numbers))
    elif verb == "serial":
        result = await per_second(producer.serial, float(*numbers))
    elif verb == "concurrent" and producer.asynchronous:
        result = await per_second(producer.concurrent, float(*numbers))
    elif verb == "bulk" and producer.many is not None:
        result = await per_second(producer.bulk, float(*numbers))
    await call(getattr(app, "close", lambda: None))
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main(importlib.import_module(sys.argv[1]), *sys.argv[2:]))
