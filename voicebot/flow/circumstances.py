"""What a call of a test brings with it: who calls, when, and how servers and extensions answer.

Knows the words of `call:` in a test.  Must not know the steps of a test, or who plays these parts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from voicebot.flow import yamlfile
from voicebot.flow.dialled import other_outcome
from voicebot.flow.fields import Fields
from voicebot.flow.yamlfile import Node

A_MONDAY: Final = datetime(2027, 3, 1, 10, 0)
"""When a call of a test takes place that does not say `at:`; the same on every day it is run."""

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
SILENT: Final = "down"
"""The answer of a server that gives none."""

CALL: Final = ("caller", "caller_name", "called", "channel", "channel_language", "args", "at", "http",
               "hours", "transfers", "seed")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server is to answer in a test.  `status` 0: it does not answer."""

    status: int
    json: object = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """`call:` of a test: what the call brings with it."""

    caller: str
    caller_name: str
    called: str
    channel: str
    channel_language: str
    args: Mapping[str, str]
    """What the dialplan passes on."""
    at: datetime
    http: Mapping[str, tuple[Reply, ...]]
    """By "METHOD /path": the answers to the first, second … such request; the last one stays."""
    hours: Mapping[str, bool]
    """By calendar: whether it is open; others are as in the settings, and open where these have none."""
    transfers: Mapping[str, str]
    """By target: why nobody takes the call there ("busy"); others are taken."""
    seed: int


def read_circumstances(fields: Fields, node: Node | None) -> Circumstances:
    """`call:` of a test; None: it says nothing."""
    return _Reader(fields).read(node)


def request_key(method: str, url: str) -> str:
    """The method and path of a request, by which a test names it; "" for what is none.

    The host and the query do not count, so that a test is the same on every machine.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # such as a bracket of IPv6 that is not closed
        return ""
    if method.upper() not in METHODS or not (parts.path.startswith("/") or parts.netloc):
        return ""
    return f"{method.upper()} {parts.path or '/'}"


class _Reader:
    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def read(self, node: Node | None) -> Circumstances:
        fields = self._fields
        keys = {} if node is None else fields.fields(node, "`call` of a test", CALL)
        return Circumstances(
            caller=self._text(keys, "caller"),
            caller_name=self._text(keys, "caller_name"),
            called=self._text(keys, "called"),
            channel=self._text(keys, "channel"),
            channel_language=self._text(keys, "channel_language"),
            args={
                name.text: fields.text(value, "what the dialplan passes on")
                for name, value in fields.entries(keys.get("args"), "args")
            },
            at=self._at(keys["at"]) if "at" in keys else A_MONDAY,
            http=dict(self._http(keys.get("http"))),
            hours={
                name.text: fields.truth(value, "whether a calendar is open")
                for name, value in fields.entries(keys.get("hours"), "hours")
            },
            transfers={
                to.text: self._outcome(value)
                for to, value in fields.entries(keys.get("transfers"), "transfers")
            },
            seed=fields.whole(keys["seed"], "seed", 0) if "seed" in keys else 1,
        )

    def _text(self, keys: Mapping[str, Node], name: str) -> str:
        return self._fields.text(keys[name], name) if name in keys else ""

    def _outcome(self, node: Node) -> str:
        text = self._fields.text(node, 'why nobody takes the call, such as "busy",')
        if near := other_outcome(text):
            self._fields.error(node.mark, f'"{text}" is nothing that a transfer comes to{near}')
        return text

    def _at(self, node: Node) -> datetime:
        text = self._fields.text(node, "at")
        try:
            if "T" in text or " " in text:
                return datetime.fromisoformat(text)
        except ValueError:
            pass
        self._fields.error(
            node.mark, f'"{text}" is not a day and time: write "2027-03-01T10:00", in quotes'
        )
        return A_MONDAY

    def _http(self, node: Node | None) -> list[tuple[str, tuple[Reply, ...]]]:
        found: list[tuple[str, tuple[Reply, ...]]] = []
        for key, value in self._fields.entries(node, "http"):
            request = request_key(*(key.text.split(maxsplit=1) + [""] * 2)[:2])
            if not request:
                self._fields.error(
                    key.mark,
                    f'"{key.text}" is not a request: write the method and the path, '
                    'such as "POST /book"',
                )
                continue
            replies = value.items if isinstance(value, yamlfile.Sequence) else (value,)
            if not replies:
                self._fields.error(value.mark, "the list is empty: add an answer, {status: 200}")
                continue
            found.append((request, tuple(self._reply(reply) for reply in replies)))
        return found

    def _reply(self, node: Node) -> Reply:
        if isinstance(node, yamlfile.Scalar):
            return Reply(self._status(node))
        fields = self._fields
        keys = fields.fields(node, "an answer of a server", ("status", "json", "text"))
        status = self._status(keys["status"]) if "status" in keys else 200
        text = fields.text(keys["text"], "text") if "text" in keys else ""
        if "json" in keys:
            if "text" in keys:
                fields.error(keys["text"].mark, "an answer has `json` or `text`: remove one")
            value = yamlfile.plain(keys["json"])
            return Reply(status, value, json.dumps(value))
        return Reply(status, _json_of(text), text)

    def _status(self, node: Node) -> int:
        value = yamlfile.plain(node)
        if value in (SILENT, 0) and value is not False:
            return 0
        if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:  # noqa: PLR2004
            return value
        self._fields.error(
            node.mark,
            f"a status is a number such as 200, or `{SILENT}` for a server that is silent",
        )
        return 200


def _json_of(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
