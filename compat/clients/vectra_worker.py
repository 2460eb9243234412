#!/usr/bin/env python3
"""The worker of Vectra: it comes with its secret, says what it is, does what it is told (`{"type": …, "id": …}`),
and tells every dashboard about it.

    vectra_worker.py URL SECRET [--query] [--silent] [--again]

--query: the secret in `token` instead of the header `x-worker-secret`. --silent: no REGISTER_WORKER on open.
--again: it comes again when it has lost its connection; RETRY_MS (3000). PING_MS (30000).

Commands: register JSON, broadcast JSON, status, ping, raw TEXT, close, quit
"""

import asyncio
import json
import sys
from urllib.parse import quote

import websockets
from console import obey, seconds, tell, tell_end, tell_frame, until_either_ends


class Worker:
    def __init__(self, url, secret, flags):
        self.headers = {}
        self.url = url + ("&" if "?" in url else "?") + "client_type=worker"
        if "--query" in flags:
            self.url += "&token=" + quote(secret, safe="")
        else:
            self.headers["x-worker-secret"] = secret
        self.silent = "--silent" in flags
        self.socket = None

    async def connect(self):
        self.socket = await websockets.connect(self.url, additional_headers=self.headers)
        tell("open")
        if not self.silent:
            await self.register({"name": "worker", "version": "1.10"})

    async def register(self, metadata):
        await self.send({"type": "REGISTER_WORKER", "metadata": metadata})

    async def send(self, message):
        await self.socket.send(json.dumps(message))

    async def beat(self):
        while True:
            await asyncio.sleep(seconds("PING_MS", 30000))
            await self.socket.send("ping")

    async def listen(self):
        try:
            while True:
                frame = await self.socket.recv()
                tell_frame(frame)
                if frame == "pong":
                    tell("pong")
                else:
                    await self.take(json.loads(frame))
        except (websockets.ConnectionClosed, ValueError) as error:
            tell_end(error)

    async def take(self, frame):
        kind = frame.get("type")
        if kind == "WORKER_STATUS":
            tell("status", status=frame.get("status"), metadata=frame.get("metadata"))
        elif kind == "TRIGGER_DOC_SYNC":
            tell("sync", id=frame.get("id"))
            for progress in (0, 50, 100):
                await self.send({"type": "SYNC_PROGRESS", "id": frame.get("id"), "progress": progress})
        else:
            # Its own words, most of all: a broadcast leaves nobody out.
            tell("heard", type=kind)


async def serve(worker, again):
    """One connection after the other."""
    while True:
        try:
            await worker.connect()
            await until_either_ends(worker.listen(), worker.beat())
        except (OSError, websockets.WebSocketException) as error:
            tell_end(error)
        if not again:
            return
        await asyncio.sleep(seconds("RETRY_MS", 3000))
        tell("reconnecting")


async def main():
    url, secret, *flags = sys.argv[1:]
    worker = Worker(url, secret, flags)

    async def register(rest):
        await worker.register(json.loads(rest))

    async def broadcast(rest):
        await worker.send(json.loads(rest))

    async def status(_rest):
        await worker.socket.send("get_worker_status")

    async def ping(_rest):
        await worker.socket.send("ping")

    async def raw(rest):
        await worker.socket.send(rest)

    async def close(_rest):
        await worker.socket.close()

    commands = {"register": register, "broadcast": broadcast, "status": status}
    commands |= {"ping": ping, "raw": raw, "close": close}
    await until_either_ends(obey(commands), serve(worker, "--again" in flags))


asyncio.run(main())
