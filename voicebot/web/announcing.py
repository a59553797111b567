"""What a dialplan posts before the audio, as an introduction.

Knows the fields and the two ways to write them: a form, as Asterisk's CURL() posts it, and JSON.  Must
not know the server, nor who keeps the introduction.  Each function raises `Unusable` with one line
for the author of the dialplan.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

from voicebot.flow.yamlnodes import did_you_mean
from voicebot.pbx.introduction import Introduction

BODY_MOST: Final = 16_384
"""Bytes.  Asterisk evaluates a line of the dialplan in a buffer of 4096."""
FIELDS_MOST: Final = 100
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
KNOWN: Final = ("caller", "caller_name", "called", "channel", "channel_language", "context", "flow")
"""Fields with a meaning of their own; all others are `call.args`."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SHOWN: Final = 60


class Unusable(Exception):
    """What was sent cannot be used; the text says what to send.  `status` is HTTP's."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def uuid_of(written: str) -> UUID:
    """The identifier, written as AudioSocket() takes it: with hyphens, in either case."""
    if not _UUID.fullmatch(written):
        raise Unusable(
            f"{_shown(written)} is not a UUID such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8; "
            "in the dialplan: Set(ID=${UUID()})"
        )
    return UUID(written)


def introduction_of(
    content_type: str, body: bytes, flows: Collection[str], most: int = BODY_MOST
) -> Introduction:
    """Who is about to call.

    Args:
        content_type: as in the header.
        body: all of it, or at least `most` + 1 bytes.
        flows: the names that `flow` may have.
        most: the longest body that is read.
    """
    if len(body) > most:
        raise Unusable(f"this is too long: at most {most} bytes are read", 413)
    fields = _fields(content_type, body)
    flow = fields.get("flow") or None
    if flow is not None and flow not in flows:
        known = "; the flows here are " + ", ".join(sorted(flows))
        raise Unusable(f"there is no flow {_shown(flow)}{did_you_mean(flow, flows) or known}")
    return Introduction(
        caller=fields.get("caller", ""),
        caller_name=fields.get("caller_name", ""),
        called=fields.get("called", ""),
        channel=fields.get("channel", ""),
        channel_language=fields.get("channel_language", ""),
        context=fields.get("context", ""),
        args={name: value for name, value in fields.items() if name not in KNOWN},
        flow=flow,
    )


def _fields(content_type: str, body: bytes) -> Mapping[str, str]:
    kind = content_type.partition(";")[0].strip().lower()
    if not body.strip():
        return {}
    if kind == FORM:
        fields = _form(body)
    elif kind == JSON:
        fields = _json(body)
    else:
        raise Unusable(f"the Content-Type {_shown(kind)} is not read: send {FORM} or {JSON}", 415)
    for name in fields:
        _check_name(name, fields)
    if len(fields) > FIELDS_MOST:
        raise Unusable(f"these are {len(fields)} fields, at most {FIELDS_MOST} are read")
    return fields


def _check_name(name: str, fields: Collection[str]) -> None:
    if _NAME.fullmatch(name):
        return
    better = re.sub(r"\W", "_", name, flags=re.ASCII)
    hint = f"; write {better}" if _NAME.fullmatch(better) and better not in fields else ""
    raise Unusable(
        f"no flow can read call.args.{name[:_SHOWN]!r}: a name has letters, digits and _{hint}"
    )


def _form(body: bytes) -> dict[str, str]:
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(
            text.strip(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MOST
        )
    except UnicodeDecodeError:
        raise Unusable(
            "this form is not URL-encoded UTF-8; in the dialplan: ${URIENCODE(${CALLERID(name)})}"
        ) from None
    except ValueError:
        raise Unusable(f"at most {FIELDS_MOST} fields are read") from None
    if not pairs:
        raise Unusable("this is not a form such as caller=%2B4930123456&called=7001")
    return dict(pairs)


def _json(body: bytes) -> dict[str, str]:
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise Unusable('this is not JSON such as {"caller": "+4930123456", "called": "7001"}')
    # null means what a missing field does.
    return {name: _text(name, value) for name, value in read.items() if value is not None}


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        # JSON may write half a character, which nothing behind this could write down or say.
        return str(value).encode("utf-8", "replace").decode()
    raise Unusable(
        f"{_shown(name)} must be a text, a number, true or false, not a list or an object"
    )


def _shown(value: str) -> str:
    """On one line, whatever it is."""
    return json.dumps(value[:_SHOWN], ensure_ascii=False)
