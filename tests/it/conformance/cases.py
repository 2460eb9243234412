"""Plays the client of Autobahn's cases against one endpoint and writes each verdict as a line of JSON.

cases.py URL CASES,…

`{case}` in the URL stands for the case's id, so that each connection can have a group of its own. What the verdicts
are worth is for whoever reads them to say.
"""

import asyncio
import json
import os
import sys
from fnmatch import fnmatchcase

from kosoku import FailureError, run_fuzzingclient
from kosoku.cases import CASES

import case as base  # The cases' own folder is on the path by now.

# Many cases wait for what must not come: together they wait no longer.
AT_ONCE = 32
# Seconds until a case gives up. Most have one, which is no rule of the protocol, and short on a busy machine.
LEAST = 4


class Patient:
    """The connection as a case sees it, with more time."""

    def __init__(self, protocol):
        object.__setattr__(self, "_protocol", protocol)

    def __getattr__(self, name):
        found = getattr(self._protocol, name)
        if name in ("killAfter", "closeAfter", "continueLater"):
            return lambda seconds, *rest: found(max(seconds, LEAST), *rest)
        return found

    def __setattr__(self, name, value):
        setattr(self._protocol, name, value)


hasty = base.Case.__init__
base.Case.__init__ = lambda self, protocol: hasty(self, Patient(protocol))


def shortened(value):
    """Messages may have megabytes."""
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}… ({len(text)} characters)"


def outline(events):
    """What came, whatever the messages say. Presence is nobody's answer."""
    events = [event for event in events or [] if '"msg_type":"presence"' not in str(event[1])[:200]]
    return [event[0] if event[0] == "message" else repr(event) for event in events]


async def run(url, case, free):
    async with free:
        try:
            (result,) = await run_fuzzingclient(url.replace("{case}", case), [case])
        except FailureError as failure:
            (result,) = failure.results
    closing = result.expected_close or {}
    verdict = {
        "case": case,
        "behavior": result.behavior.value,
        "close": result.behavior_close.value,
        "code": result.remote_close_code,
        "server_fails": closing.get("closedByMe") is False,
        "wanted": {word: outline(events) for word, events in (result.expected or {}).items()},
        "came": outline(result.received),
        "response": result.http_response,
        "description": result.description,
        "expectation": result.expectation,
        "expected": f"{shortened(result.expected)}, close {closing}",
        "actual": f"{shortened(result.received)}, close {result.remote_close_code} ({result.remote_close_reason}): "
        f"{result.result} {result.result_close}",
    }
    print(json.dumps(verdict), flush=True)


async def main(url, patterns):
    chosen = [case for case in CASES if any(fnmatchcase(case, pattern) for pattern in patterns.split(","))]
    free = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(run(url, case, free) for case in chosen))


asyncio.run(main(*sys.argv[1:]))
# Its threads are not over with the run, and an interpreter that ends around them aborts.
os._exit(0)
