#!/usr/bin/env python3
"""An agent of the server monitor: it proves itself by its first frame, sends metrics, answers commands (it runs none of
them), and comes again with growing waits when it has lost its connection.

    monitor_agent.py URL API_KEY [--nested] [--once]

--nested: metrics below `data`, as the real agent sends them, which also comes again when they are not acknowledged.
--once: it does not come again. EVERY_MS (5000; 0: only when told), ACK_MS (5000), RETRY_MS (1000, doubled up to 60 s).

Commands: metrics JSON, log JSON, alert JSON, mute, speak, send JSON, raw TEXT, quit
"""

import asyncio
import json
import sys
from datetime import datetime, timezone

import websockets
from console import obey, seconds, tell, tell_end, tell_frame, until_either_ends

MOST_WAIT = 60


class Agent:
    def __init__(self, url, api_key, nested):
        self.url, self.api_key, self.nested = url, api_key, nested
        self.socket = None
        self.server_id = None
        self.answers = True
        self.acknowledged = asyncio.Event()

    async def connect(self):
        self.socket = await websockets.connect(self.url)
        tell("open")
        await self.send({"type": "auth", "api_key": self.api_key})
        frame = await self.take()
        if frame.get("type") != "auth_success":
            # The close behind the error frame says the rest.
            await self.take()
            raise ConnectionError("not let in")
        self.server_id = frame.get("server_id")
        tell("auth", server_id=self.server_id, message=frame.get("message"))

    async def send(self, message):
        await self.socket.send(json.dumps(message))

    async def take(self):
        frame = await self.socket.recv()
        tell_frame(frame)
        return json.loads(frame)

    async def metrics(self, values):
        now = datetime.now(timezone.utc).isoformat()
        if self.nested:
            await self.send({"type": "metrics", "data": {**values, "timestamp": now}})
        else:
            await self.send({"type": "metrics", "server_id": self.server_id, **values, "timestamp": now})

    async def report(self):
        """Metrics again and again; ends where an agent that wants them acknowledged waits in vain."""
        every, patience = seconds("EVERY_MS", 5000), seconds("ACK_MS", 5000)
        if every == 0:
            return await asyncio.Event().wait()
        while True:
            self.acknowledged.clear()
            await self.metrics({"cpu_percent": 45.2, "memory_percent": 62.5, "disk_usage": [], "network": []})
            if self.nested:
                try:
                    await asyncio.wait_for(self.acknowledged.wait(), patience)
                except asyncio.TimeoutError:
                    return tell("unacknowledged")
            await asyncio.sleep(every)

    async def listen(self):
        try:
            while True:
                await self.on_frame(await self.take())
        except (websockets.ConnectionClosed, ValueError) as error:
            tell_end(error)

    async def on_frame(self, frame):
        kind = frame.get("type")
        if kind == "metrics_received":
            self.acknowledged.set()
            return tell("acknowledged", status=frame.get("status"))
        if kind == "ping":
            return await self.send({"type": "pong"})
        if kind == "error":
            return tell("error", message=frame.get("message"))
        answer = self.answer(kind, frame)
        if answer is None:
            return tell("unknown", type=kind)
        tell("command", type=kind, id=frame.get("command_id", frame.get("request_id")))
        if self.answers:
            await self.send(answer)

    def answer(self, kind, frame):
        """The guide's two commands, then those of the real agent."""
        if kind == "command":
            output = f"would run: {frame.get('command')}"
            done = {"output": output, "exit_code": 0, "duration_ms": 1}
            return {"type": "command_response", "command_id": frame.get("command_id"), **done}
        if kind == "docker_command":
            done = {"success": True, "message": f"Container {frame.get('action')}"}
            return {"type": "docker_response", "command_id": frame.get("command_id"), **done}
        asked = {"request_id": frame.get("request_id")}
        if kind == "execute_command":
            return {"type": "command_result", **asked, "success": True, "output": f"would run: {frame.get('command')}"}
        if kind in ("start_container", "stop_container", "restart_container"):
            word = {"start": "started", "stop": "stopped", "restart": "restarted"}[kind.split("_")[0]]
            return {"type": f"container_{word}", **asked, "container_id": frame.get("container_id"), "success": True}
        if kind == "get_container_logs":
            return {"type": "container_logs", **asked, "container_id": frame.get("container_id"), "logs": "a line\n"}
        return None


async def serve(agent, once):
    """One connection after the other."""
    wait = seconds("RETRY_MS", 1000)
    while True:
        try:
            await agent.connect()
            wait = seconds("RETRY_MS", 1000)
            await until_either_ends(agent.listen(), agent.report())
            await agent.socket.close()
        except (OSError, websockets.WebSocketException, ValueError) as error:
            tell_end(error)
        if once:
            return
        await asyncio.sleep(wait)
        tell("reconnecting", after=wait)
        wait = min(wait * 2, MOST_WAIT)


async def main():
    url, api_key, *flags = sys.argv[1:]
    agent = Agent(url, api_key, "--nested" in flags)

    async def metrics(rest):
        await agent.metrics(json.loads(rest))

    async def log(rest):
        await agent.send({"type": "log", "data": json.loads(rest)})

    async def alert(rest):
        await agent.send({"type": "alert", **json.loads(rest)})

    async def mute(_rest):
        agent.answers = False

    async def speak(_rest):
        agent.answers = True

    async def send(rest):
        await agent.send(json.loads(rest))

    async def raw(rest):
        await agent.socket.send(rest)

    commands = {"metrics": metrics, "log": log, "alert": alert, "mute": mute, "speak": speak, "send": send, "raw": raw}
    await until_either_ends(obey(commands), serve(agent, "--once" in flags))


asyncio.run(main())
