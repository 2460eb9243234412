#!/usr/bin/env python3
"""A program that watches Valtronics, as its guide's Python client is: filters nested below `filters`, and the very
first frame after `auth` must be the answer to it.

    valtronics.py URL TOKEN

Commands: subscribe CHANNEL [JSON], unsubscribe CHANNEL, ping, send JSON, raw TEXT, quit
"""

import asyncio
import json
import sys
from datetime import datetime, timezone

import websockets
from console import obey, tell, tell_end, tell_frame, until_either_ends, word_and_json


class NotIn(Exception):
    """The first frame was no welcome."""


class Watcher:
    def __init__(self, url, token):
        self.url, self.token = url, token
        self.socket = None
        self.subscriptions = {}

    async def connect(self):
        self.socket = await websockets.connect(self.url)
        tell("open")
        await self.send({"type": "auth", "token": self.token})
        first = await self.socket.recv()
        tell_frame(first)
        answer = json.loads(first)
        if answer.get("type") != "auth_response" or not answer.get("success"):
            raise NotIn(answer.get("error", ""))
        tell("auth", success=True)

    async def send(self, message):
        await self.socket.send(json.dumps(message))

    async def subscribe(self, channel, filters):
        message = {"type": "subscribe", "channel": channel}
        if filters:
            message["filters"] = filters
        await self.send(message)
        self.subscriptions[channel] = filters

    async def unsubscribe(self, channel):
        await self.send({"type": "unsubscribe", "channel": channel})
        self.subscriptions.pop(channel, None)

    async def ping(self):
        # As Python's utcnow() writes it: without a zone.
        await self.send({"type": "ping", "timestamp": datetime.now(timezone.utc).replace(tzinfo=None).isoformat()})

    async def listen(self):
        try:
            while True:
                frame = await self.socket.recv()
                tell_frame(frame)
                self.take(json.loads(frame))
        except (websockets.ConnectionClosed, ValueError) as error:
            tell_end(error)

    def take(self, frame):
        kind = frame.get("type")
        if kind == "telemetry_update":
            tell("telemetry", device_id=frame.get("device_id"), telemetry=frame.get("telemetry"))
        elif kind == "alert":
            tell("alert", severity=frame.get("severity"), title=frame.get("title"))
        elif kind == "device_status_update":
            tell("device", device_id=frame.get("device_id"), old=frame.get("old_status"), new=frame.get("new_status"))
        elif kind == "system_status_update":
            tell("system", metrics=frame.get("metrics"))
        elif kind == "pong":
            tell("pong", timestamp=frame.get("timestamp"))
        else:
            tell("unknown", type=kind)


async def main():
    watcher = Watcher(*sys.argv[1:3])
    try:
        await watcher.connect()
    except (OSError, websockets.WebSocketException, NotIn, ValueError) as error:
        return tell_end(error)

    async def subscribe(rest):
        await watcher.subscribe(*word_and_json(rest))

    async def ping(_rest):
        await watcher.ping()

    async def send(rest):
        await watcher.send(json.loads(rest))

    async def raw(rest):
        await watcher.socket.send(rest)

    commands = {"subscribe": subscribe, "unsubscribe": watcher.unsubscribe, "ping": ping, "send": send, "raw": raw}
    await until_either_ends(obey(commands), watcher.listen())
    await watcher.socket.close()


asyncio.run(main())
