"""The JSON Schema of flow files and of files of tests: what editors complete, explain and mark.

Knows the shape of both, from the tables that the loader reads by: a key that is new there and not
described here is a KeyError.  Must not know how a file is read, or what the check proves beyond shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from voicebot.flow import fields, loader, questions, steps
from voicebot.flow.circumstances import CALL
from voicebot.flow.conversations import BY, CALLER, ENDS, STEPS, TEST
from voicebot.flow.loader import ENDINGS, TOP
from voicebot.flow.model import BargeIn, ConfirmMode
from voicebot.flow.questions import ASK, COMMON, CONFIRM, FORM, OF_TYPES, TYPES
from voicebot.flow.schema_words import ABOUT
from voicebot.flow.steps import BARE, HTTP, RECORD, TRANSFER

Schema = dict[str, Any]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Final[Schema] = {"type": ["string", "number", "boolean"]}
_SCALAR: Final[Schema] = {"type": ["string", "number", "boolean", "null"]}
_TRUTH: Final[Schema] = {"type": "boolean"}
_NUMBER: Final[Schema] = {"type": "number"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 1}
_EXPRESSION: Final[Schema] = {"type": ["string", "boolean", "number"]}


def flow_schema() -> Schema:
    """That of a flow file."""
    top = _object("flow", TOP, _top(), required=("voicebot", "nodes"))
    return {"$schema": _DRAFT, "title": "A flow of voicebot", **top, "$defs": _definitions()}


def schema_of_tests() -> Schema:
    """That of a file of tests beside a flow."""
    keys: Schema = {"voicebot": {"const": 1}, "flow": {"type": "string"}, "tests": _ref("tests")}
    top = _object("file of tests", keys, keys, required=tuple(keys))
    return {"$schema": _DRAFT, "title": "Tests of a flow", **top, "$defs": _definitions()}


def _top() -> Schema:
    names = {"type": "object", "additionalProperties": _ref("answers")}
    return {
        "voicebot": {"const": loader.VERSION},
        "flow": {"type": "string"},
        "language": {"type": "string"},
        "start": {"type": "string"},
        "vars": {"type": ["object", "null"], "additionalProperties": _SCALAR},
        "prompts": {"type": ["object", "null"], "additionalProperties": _ref("prompts")},
        "answers": {**names, "type": ["object", "null"]},
        "defaults": _object("defaults", questions.DEFAULTS, _defaults()),
        "on": _ref("events"),
        "nodes": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": _ref("block"),
        },
        "tests": _ref("tests"),
    }


def _definitions() -> Schema:
    return {
        **_of_words(), **_of_ways(), **_of_questions(), "step": _step(), **_of_verbs(), **_of_tests(),
    }  # fmt: skip


# How values are written ------------------------------------------------------------------------


def _of_words() -> Schema:
    keys = {**dict.fromkeys(fields.PROMPT, _TEXT), "barge_in": _barge_in()}
    prompt = _object("prompt", fields.PROMPT, keys)
    prompt["oneOf"] = [
        {"required": ["prompt"], "propertyNames": {"enum": ["prompt", "barge_in"]}},
        {"required": ["text"], "propertyNames": {"enum": ["file", "text", "barge_in"]}},
    ]
    texts = {"anyOf": [_TEXT, _list(_TEXT)]}
    return {
        "duration": {"type": "string", "pattern": f"^(?:{fields.DURATION.pattern})$"},
        "prompt": {"anyOf": [_TEXT, prompt, _translated(_ref("prompt"))]},
        "prompts": {"anyOf": [_ref("prompt"), _list(_ref("prompt"))]},
        "byAttempt": {"anyOf": [_ref("prompt"), _list(_ref("prompts"))]},
        "answers": {"anyOf": [texts, _translated(texts)]},
        "keys": {"anyOf": [_ref("key"), _list(_ref("key"))]},
        "key": {
            "anyOf": [
                {"type": "string", "pattern": f"^[{fields.KEYS}]+$"},
                {"type": "integer", "minimum": 0},
            ]
        },
        "data": {},
    }


def _translated(of: Schema) -> Schema:
    return {
        "type": "object",
        "minProperties": 1,
        "patternProperties": {f"^(?:{fields.TAG.pattern})$": of},
        "additionalProperties": False,
    }


# Ways and events -------------------------------------------------------------------------------


def _way_keys() -> Schema:
    return {
        "goto": _TEXT, "do": _ref("block"), "then": _ref("then"), "call": _TEXT,
        "with": _arguments(), "to": _TEXT,
    }  # fmt: skip


def _of_ways() -> Schema:
    heard = {"answers": _ref("answers"), "keys": _ref("keys"), **_way_keys()}
    event = _object("event", ("answers", "keys", *questions.WAY), heard)
    event["anyOf"] = [{"required": ["answers"]}, {"required": ["keys"]}]
    return {
        "way": _object("way", questions.WAY, _way_keys()),
        "then": {"anyOf": [{"enum": list(BARE)}, _ref("way")]},
        "block": {"anyOf": [_ref("step"), {**_list(_ref("step")), "minItems": 1}]},
        "events": {
            "type": ["object", "null"],
            "properties": {name: _about(_ref("way"), "on", name) for name in ENDINGS},
            "additionalProperties": event,
        },
    }


def _arguments() -> Schema:
    return {"type": "object", "additionalProperties": _ref("data")}


# Questions -------------------------------------------------------------------------------------


def _defaults() -> Schema:
    common = _common()
    return {
        **{key: common[key] for key in questions.DEFAULTS if key in common},
        "no_input": _ref("duration"),
        "currency": {"type": "string"},
    }


def _common() -> Schema:
    return {
        "say": _ref("prompts"),
        "barge_in": _barge_in(),
        "no_input": _ref("byAttempt"),
        "no_match": _ref("byAttempt"),
        "retry": _ref("byAttempt"),
        "attempts": _COUNT,
        "failed": _ref("way"),
        "timeout": _ref("duration"),
        "end_silence": _ref("duration"),
        "max_speech": _ref("duration"),
        "inter_digit": _ref("duration"),
    }


def _barge_in() -> Schema:
    return {"enum": [str(who) for who in BargeIn]}


def _of_questions() -> Schema:
    common = _common()
    answered = {"answers": _ref("answers"), "keys": _ref("keys")}
    choice = _object("choice", ("answers", "keys", *questions.WAY), {**answered, **_way_keys()})
    choice["anyOf"] = [{"required": ["answers"]}, {"required": ["keys"]}]
    value = _object("choice", ("value", "answers", "keys"), {"value": _TEXT, **answered})
    menu = {**common, "choices": _list(choice)}
    confirm = {**common, "mode": {"enum": [str(mode) for mode in ConfirmMode]}}
    form = {**common, "slots": _list(_ref("ask")), "confirm": _ref("confirm")}
    return {
        "menu": _object("menu", (*COMMON, "choices"), menu, required=("choices",)),
        "ask": _ask({**common, **_of_types(value)}),
        "confirm": _object(
            "confirm",
            (*COMMON, *CONFIRM),
            confirm,
            required=("say",),
        ),
        "form": _object(
            "form",
            (*COMMON, "retry", *FORM),
            form,
            required=("slots",),
        ),
    }


def _of_types(value: Schema) -> Schema:
    end_key = {"enum": ["#", "*", None]}
    return {
        "to": _TEXT,
        "type": {"enum": list(TYPES)},
        "check": _EXPRESSION,
        "secret": _TRUTH,
        "length": _COUNT,
        "min": _NUMBER,
        "max": _NUMBER,
        "finish": end_key,
        "delete": end_key,
        "pattern": _TEXT,
        "checksum": {"enum": ["luhn"]},
        "currency": {"type": "string"},
        "future": _TRUTH,
        "past": _TRUTH,
        "choices": _list({"anyOf": [_TEXT, value]}),
    }


def _ask(properties: Schema) -> Schema:
    """Each type has keys of its own besides those of all."""
    of_all = (*COMMON, *ASK)
    made = _object("ask", (*of_all, *OF_TYPES), properties, required=("to", "type"))
    made["allOf"] = [
        {
            "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
            "then": {
                "propertyNames": {"enum": [*of_all, *keys]},
                **({"required": ["choices"]} if "choices" in keys else {}),
            },
        }
        for kind, keys in TYPES.items()
    ]
    return made


# Steps -----------------------------------------------------------------------------------------


def _step() -> Schema:
    values = {"type": "object", "minProperties": 1, "additionalProperties": _SCALAR}
    verbs: Schema = {
        "say": _ref("prompts"), "menu": _ref("menu"), "ask": _ref("ask"), "form": _ref("form"),
        "set": values, "if": _EXPRESSION, "goto": _TEXT, "call": _TEXT, "return": _ref("data"),
        "http": _ref("http"), "transfer": _ref("transfer"), "record": _ref("record"),
        "wait": _ref("duration"), "log": _TEXT, "tag": values, "language": {"type": "string"},
        "hangup": {}, "repeat": {},
    }  # fmt: skip
    beside = {"then": {}, "else": _ref("block"), "with": _arguments(), "to": _TEXT}
    keys = [*steps.VERBS, *beside]
    step = _object("step", keys, {**verbs, **beside})
    step["oneOf"] = [{"required": [verb]} for verb in steps.VERBS]
    step["dependentRequired"] = {"else": ["if"], "with": ["call"], "to": ["call"]}
    step["allOf"] = [
        {"if": {"required": ["if"]}, "then": {"properties": {"then": _ref("block")}}},
        {"if": {"required": ["call"]}, "then": {"properties": {"then": _ref("then")}}},
        {
            "if": {"required": ["then"]},
            "then": {"anyOf": [{"required": ["if"]}, {"required": ["call"]}]},
        },
        {
            "if": {"required": ["if"]},
            "then": {"anyOf": [{"required": ["then"]}, {"required": ["else"]}]},
        },
    ]
    return {"anyOf": [{"enum": list(BARE)}, step]}


def _of_verbs() -> Schema:
    texts = {"type": "object", "additionalProperties": _TEXT}
    http: Schema = {
        **dict.fromkeys(steps.METHODS, _TEXT), "query": texts, "headers": texts, "json": _ref("data"),
        "timeout": _ref("duration"), "hold": _ref("prompts"), "to": _TEXT, "failed": _ref("way"),
    }  # fmt: skip
    transfer: Schema = {
        "to": _TEXT, "queue": _TEXT, "voicemail": _TEXT, "context": _TEXT, "wait": _ref("duration"),
        "announce": _ref("prompts"), "whisper": _ref("prompts"), "failed": _ref("way"),
    }  # fmt: skip
    record: Schema = {
        "to": _TEXT, "say": _ref("prompts"), "beep": _TRUTH, "finish": {"enum": ["#", "*", None]},
        "max": _ref("duration"), "silence": _ref("duration"), "secret": _TRUTH,
    }  # fmt: skip
    requested = _object("http", HTTP, http)
    requested["oneOf"] = [{"required": [method]} for method in steps.METHODS]
    transferred = _object("transfer", TRANSFER, transfer)
    transferred["oneOf"] = [
        {"required": [kind], "propertyNames": {"enum": list(keys)}}
        for kind, keys in steps.TRANSFER_TO.items()
    ]
    return {
        "http": requested,
        "transfer": {"anyOf": [_TEXT, transferred]},
        "record": _object("record", RECORD, record, required=("to",)),
    }


# Tests -----------------------------------------------------------------------------------------


def _of_tests() -> Schema:
    test: Schema = {
        "name": _TEXT,
        "call": _object("test call", CALL, _of_call()),
        "steps": _list(_ref("testStep")),
    }
    names = TEST
    return {
        "tests": {
            "type": "array",
            "items": _object("test", names, test, required=("name", "steps")),
        },
        "testStep": _test_step(),
    }


def _of_call() -> Schema:
    reply = {"anyOf": [{"type": ["integer", "string"]}, _object("reply", ("status", "json", "text"), {
        "status": {"type": ["integer", "string"]}, "json": {}, "text": _TEXT,
    })]}  # fmt: skip
    return {
        "caller": _TEXT,
        "caller_name": _TEXT,
        "called": _TEXT,
        "channel": _TEXT,
        "channel_language": _TEXT,
        "args": {"type": "object", "additionalProperties": _TEXT},
        "at": {"type": "string"},
        "http": {"type": "object", "additionalProperties": {"anyOf": [reply, _list(reply)]}},
        "hours": {"type": "object", "additionalProperties": _TRUTH},
        "transfers": {"type": "object", "additionalProperties": _TEXT},
        "seed": {"type": "integer", "minimum": 0},
    }


def _test_step() -> Schema:
    texts = {"anyOf": [_TEXT, _list(_TEXT)]}
    bot = _object(
        "bot", ("says", "within"), {"says": texts, "within": _ref("duration")}, required=("says",)
    )
    caller: Schema = {
        "say": _TEXT, "keys": _ref("key"), "wav": _TEXT, "text": _TEXT,
        "silence": {"anyOf": [_TRUTH, _ref("duration")]}, "hangup": _TRUTH, "early": _TRUTH,
    }  # fmt: skip
    caller["keys"] = _TEXT
    ends: Schema = {
        "by": {"enum": list(BY)}, "to": _TEXT, "node": _TEXT,
        "vars": {"type": "object"}, "tags": {"type": "object"}, "results": {"type": "object"},
        "logged": texts, "never_logged": texts,
    }  # fmt: skip
    keys: Schema = {
        "bot": {"anyOf": [texts, bot]},
        "caller": {"anyOf": [_TEXT, _object("caller", CALLER, caller)]},
        "ends": {"anyOf": [{"type": ["string", "null"]}, _object("ends", ENDS, ends)]},
        "within": _ref("duration"),
        "early": _TRUTH,
    }
    step = _object("test step", keys, keys)
    step["oneOf"] = [{"required": [kind]} for kind in STEPS]
    return {"anyOf": [{"const": "ends"}, step]}


# Building --------------------------------------------------------------------------------------


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list(of: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": of}


def _object(
    where: str,
    keys: Iterable[str],
    properties: Mapping[str, Schema],
    required: tuple[str, ...] = (),
) -> Schema:
    made: Schema = {
        "type": "object",
        "properties": {key: _about(properties[key], where, key) for key in keys},
        "additionalProperties": False,
    }
    if required:
        made["required"] = list(required)
    return made


def _about(schema: Schema, where: str, key: str) -> Schema:
    text = ABOUT.get((where, key)) or ABOUT["", key]
    return {**schema, "description": text}
