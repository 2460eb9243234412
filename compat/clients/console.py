"""Owns how the programs in Python are watched and told what to do: a line of JSON for each event on standard output, a
command a line on standard input. Knows nothing of any protocol.
"""

import asyncio
import json
import os
import sys


def tell(event, **more):
    """Says what happened, at once."""
    sys.stdout.write(json.dumps({"event": event, **more}) + "\n")
    sys.stdout.flush()


def tell_frame(frame):
    """Says what came, as it came, before anybody looks into it."""
    if isinstance(frame, str):
        tell("frame", text=frame)
    else:
        tell("frame", binary=True)


def tell_end(error):
    """Says how a connection ended, or why there is none."""
    response = getattr(error, "response", None)
    if response is not None:
        tell("refused", status=response.status_code)
        return
    close = getattr(error, "rcvd", None)
    if close is not None:
        tell("closed", code=close.code, reason=close.reason)
    elif hasattr(error, "sent"):
        tell("closed", code=1006, reason="")
    else:
        tell("failed", kind=type(error).__name__, message=str(error))


async def obey(commands):
    """Obeys until `quit`, or until nobody is there to say it. A command gets the rest of its line."""
    reader = asyncio.StreamReader(limit=4 * 1024 * 1024)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode():
        name, _, rest = line.rstrip("\n").partition(" ")
        if name == "quit":
            return
        command = commands.get(name)
        if command is None:
            tell("unknown_command", name=name)
            continue
        try:
            await command(rest)
        except Exception as error:  # A command to a connection that is gone is no reason to go as well.
            tell("not_done", name=name, kind=type(error).__name__)


def word_and_json(rest):
    """The first word of a text, and the JSON behind it."""
    word, _, text = rest.partition(" ")
    return word, json.loads(text) if text.strip() else None


def seconds(name, otherwise):
    """Seconds from the environment, where they stand in milliseconds."""
    return float(os.environ.get(name, otherwise)) / 1000


async def until_either_ends(*parts):
    """Runs all until the first has ended; the others are let go."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    for task in tasks:
        try:
            await task
        except asyncio.CancelledError:
            pass
