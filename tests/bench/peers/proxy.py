"""Passes TCP on to a Redis and delivers each answer later by the given time: a longer round trip, nothing else.

    proxy.py PORT DELAY_MS

Prints the port it listens on. The event loop waits in select(), whose time-outs are exact to microseconds; those
of epoll are whole milliseconds, which would make 1 ms anything up to 2 ms.
"""

import asyncio
import collections
import selectors
import socket
import sys


class Side(asyncio.Protocol):
    """One direction: what it receives goes to `other` after `delay` seconds, in order."""

    def __init__(self, delay):
        self.delay = delay
        self.other = self.transport = None
        self.waiting = collections.deque()

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        if self.delay == 0:
            self.other.transport.write(data)
            return
        self.waiting.append(data)
        asyncio.get_running_loop().call_later(self.delay, self.deliver)

    def deliver(self):
        self.other.transport.write(self.waiting.popleft())

    def connection_lost(self, _error):
        if self.other.transport is not None:
            self.other.transport.close()


async def main(port, delay):
    loop = asyncio.get_running_loop()

    class Client(Side):
        """The worker's side: opens the connection to Redis and holds back what arrives before it stands."""

        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()
            self.opening = loop.create_task(self.open())

        async def open(self):
            self.other = Side(delay)
            self.other.other = self
            await loop.create_connection(lambda: self.other, "127.0.0.1", port)
            self.transport.resume_reading()

    server = await loop.create_server(lambda: Client(0), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.run_until_complete(main(int(sys.argv[1]), float(sys.argv[2]) / 1000))
