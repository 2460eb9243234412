"""A small Aether server, as a team would have written it from the protocol guide: FastAPI, Pydantic, Redis.

V2 lies in memory (`/ws/...`) or on one Redis channel that is filtered here (`/ws_redis/...`); V3 lies on a channel for
each group and each client. It knows nothing of the suite and nothing of the proxy. Not for production.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import Depends, FastAPI, Query, WebSocket, WebSocketDisconnect, WebSocketException, status
from pydantic import BaseModel, ValidationError, model_validator
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
API_KEY = os.environ.get("API_KEY", "")
PORT = int(os.environ.get("PORT", "8000"))

PRESENCE_TTL = 60 * 60  # seconds; the guide: "1 hour window"
V2_CHANNEL = "channel:ws"
V3_BROADCAST = "ws:broadcast"

log = logging.getLogger("reference")
redis: Redis = Redis.from_url(REDIS_URL, decode_responses=True)


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await redis.ping()
    yield
    await redis.aclose()


app = FastAPI(title="Aether reference server", lifespan=lifespan)


# --- What all sockets on Redis do ------------------------------------------------------------------------------------


async def subscribe(*channels: str) -> PubSub:
    pubsub = redis.pubsub(ignore_subscribe_messages=True)
    await pubsub.subscribe(*channels)
    await pubsub.get_message(timeout=5)  # Redis has confirmed: nothing is missed from here on
    return pubsub


@contextlib.asynccontextmanager
async def running(*tasks: asyncio.Task[None]) -> AsyncIterator[None]:
    """Ends these tasks when the socket's own loop has ended."""
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# --- V2, in memory ---------------------------------------------------------------------------------------------------


class ConnectionManager:
    """All V2 clients of this process. Every client receives every message."""

    def __init__(self) -> None:
        self.connections: list[WebSocket] = []

    async def connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.connections.append(websocket)

    def disconnect(self, websocket: WebSocket) -> None:
        self.connections.remove(websocket)

    async def broadcast(self, data: Any) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it is just leaving
                await connection.send_json(data)


manager = ConnectionManager()


@app.websocket("/ws/group/{group_id}/client/{client_id}")
async def websocket_v2(websocket: WebSocket, group_id: str, client_id: str) -> None:
    await manager.connect(websocket)
    try:
        while True:
            await manager.broadcast(await websocket.receive_json())
    except WebSocketDisconnect:
        log.info("v2: %s left %s", client_id, group_id)
    finally:
        manager.disconnect(websocket)


# --- V2, on one Redis channel ----------------------------------------------------------------------------------------


async def forward_v2(pubsub: PubSub, websocket: WebSocket, group_id: str) -> None:
    """Python filtering: every client reads every message and drops those of other groups."""
    async for message in pubsub.listen():
        envelope = json.loads(message["data"])
        if envelope["group_id"] == group_id:
            await websocket.send_json(envelope["data"])


@app.websocket("/ws_redis/group/{group_id}/client/{client_id}")
async def websocket_v2_redis(websocket: WebSocket, group_id: str, client_id: str) -> None:
    async with await subscribe(V2_CHANNEL) as pubsub:
        await websocket.accept()
        async with running(asyncio.create_task(forward_v2(pubsub, websocket, group_id))):
            try:
                while True:
                    data = await websocket.receive_json()
                    envelope = {"group_id": group_id, "client_id": client_id, "data": data}
                    await redis.publish(V2_CHANNEL, json.dumps(envelope))
            except WebSocketDisconnect:
                log.info("v2 redis: %s left %s", client_id, group_id)


# --- V3 --------------------------------------------------------------------------------------------------------------


class WS_Message_V3(BaseModel):
    """Section 3 of the guide."""

    version: str = "3"
    msg_type: Literal["msg", "cmd", "heartbeat", "presence"]
    target: Literal["direct", "group", "broadcast", "echo"]
    from_id: str | None = None
    to_id: str | None = None
    group_id: str | None = None
    cmd: str | None = None
    msg: str | None = None
    payload: dict[str, Any] | None = None
    sent_at: str | None = None

    @model_validator(mode="after")
    def direct_has_an_addressee(self) -> "WS_Message_V3":
        if self.target == "direct" and not self.to_id:
            raise ValueError("to_id is required when target is 'direct'")
        return self


def group_channel(group_id: str) -> str:
    return f"ws:group:{group_id}"


def client_channel(client_id: str) -> str:
    return f"ws:client:{client_id}"


async def refresh_presence(group_id: str, client_id: str) -> None:
    key = f"ws:presence:{group_id}"
    await redis.sadd(key, client_id)
    await redis.expire(key, PRESENCE_TTL)


async def forward_v3(pubsub: PubSub, websocket: WebSocket) -> None:
    """Redis has filtered already."""
    async for message in pubsub.listen():
        await websocket.send_text(message["data"])


async def route(message: WS_Message_V3, websocket: WebSocket, group_id: str, client_id: str) -> None:
    text = message.model_dump_json()
    if message.msg_type == "heartbeat":
        await refresh_presence(group_id, client_id)
        await websocket.send_text(text)
    elif message.target == "direct":
        await redis.publish(client_channel(message.to_id or ""), text)
    elif message.target == "group":
        await redis.publish(group_channel(group_id), text)
    elif message.target == "broadcast":
        await redis.publish(V3_BROADCAST, text)
    else:
        await websocket.send_text(text)


def check_api_key(api_key: Annotated[str, Query()] = "") -> None:
    if API_KEY and not hmac.compare_digest(api_key.encode(), API_KEY.encode()):
        raise WebSocketException(code=status.WS_1008_POLICY_VIOLATION, reason="invalid api_key")


@app.websocket("/v3/ws/group/{group_id}/client/{client_id}", dependencies=[Depends(check_api_key)])
async def websocket_v3(websocket: WebSocket, group_id: str, client_id: str) -> None:
    channels = (group_channel(group_id), client_channel(client_id), V3_BROADCAST)
    async with await subscribe(*channels) as pubsub:
        await refresh_presence(group_id, client_id)
        await websocket.accept()
        async with running(asyncio.create_task(forward_v3(pubsub, websocket))):
            try:
                while True:
                    text = await websocket.receive_text()
                    try:
                        message = WS_Message_V3.model_validate_json(text)
                    except ValidationError as error:
                        await websocket.send_json({"detail": json.loads(error.json(include_url=False))})
                        continue
                    message.version = "3"
                    message.from_id, message.group_id = client_id, group_id
                    message.sent_at = datetime.now(timezone.utc).isoformat()
                    await route(message, websocket, group_id, client_id)
            except WebSocketDisconnect:
                log.info("v3: %s left %s", client_id, group_id)
            finally:
                await redis.srem(f"ws:presence:{group_id}", client_id)


# --- Starting and ending ---------------------------------------------------------------------------------------------


class Server(uvicorn.Server):
    """Says where it listens: with PORT=0 nobody else knows."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            print(f"listening on ws://{host}:{port}", flush=True)


if __name__ == "__main__":
    # uvicorn ends its sockets, then raises the signal once more for whoever started it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(app, host="127.0.0.1", port=PORT, log_level="warning", timeout_graceful_shutdown=3)
    Server(config).run()
