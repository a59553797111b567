"""Pydantic's errors as findings: the place in the YAML file, and words for the person who wrote it.

Knows: pydantic's error types and where a value of the tree stands. Must not know: any single setting.
"""

import re
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from voicebot.flow.yamlfile import Finding, Mapping, Mark, Node, Severity, did_you_mean
from voicebot.flow.yamlfile import Sequence as YamlList

Place = Sequence[str | int]

_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list such as [a, b]",
    "mapping_type": "keys with values",
    "dict_type": "keys with values",
    "model_type": "keys with values",
}

_BOUND = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
}


def findings(error: ValidationError, root: Node, model: type[BaseModel]) -> list[Finding]:
    """All of pydantic's errors about the data of `root`.

    Args:
        error: what `model.model_validate(plain(root))` raised.
        root: where the data came from.
        model: the model of the whole file; names the keys that an unknown one may have meant.
    """
    errors = error.errors(include_url=False)
    meant = {
        (*one["loc"][:-1], near)
        for one in errors
        if one["type"] == "extra_forbidden"
        for near in _fields(_model_at(model, one["loc"][:-1]))
        if did_you_mean(str(one["loc"][-1]), [near])
    }
    return [
        _finding(one, root, model)
        for one in errors
        # A key that is only misspelled is not missing as well; a list of wrong items is not short.
        if not (one["type"] == "missing" and one["loc"] in meant)
        and not (one["type"] == "too_short" and one["input"])
    ]


def value_mark(root: Node, place: Place) -> Mark:
    """Where the value of that place stands, or the nearest value around it."""
    return _walk(root, place)[1]


def _finding(details: ErrorDetails, root: Node, model: type[BaseModel]) -> Finding:
    place = details["loc"]
    if details["type"] == "missing":
        mark, message = value_mark(root, place[:-1]), f'"{place[-1]}" is missing'
    elif details["type"] == "extra_forbidden":
        mark, message = (
            _walk(root, place)[0],
            _unknown_key(str(place[-1]), _model_at(model, place[:-1])),
        )
    elif place[-1:] == ("[key]",):
        mark, message = _walk(root, place[:-1])[0], _message(details)
    else:
        mark, message = value_mark(root, place), _message(details)
    return Finding(mark, Severity.ERROR, message)


def _walk(root: Node, place: Place) -> tuple[Mark, Mark]:
    """The marks of the key and of the value that the place leads to.

    Parts that the file does not have are skipped: they come from short forms that were spelled out for pydantic.
    """
    key_mark, node = root.mark, root
    for part in place:
        if isinstance(node, Mapping):
            for key, value in node.entries:
                if key.text == part:
                    key_mark, node = key.mark, value
                    break
        elif isinstance(node, YamlList) and isinstance(part, int):
            node = node.items[part]
            key_mark = node.mark
    return key_mark, node.mark


def _model_at(model: type[BaseModel], place: Place) -> type[BaseModel]:
    for part in place:
        field = _fields(model).get(str(part))
        model = _model_in(field) or model
    return model


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any type annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _unknown_key(key: str, model: type[BaseModel]) -> str:
    known = list(_fields(model))
    return f'unknown key "{key}"{did_you_mean(key, known) or "; the keys here are " + ", ".join(known)}'


def _message(details: ErrorDetails) -> str:
    kind, found, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in ("literal_error", "enum"):
        options = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        return (
            f"{_shown(found)} is not one of {', '.join(options)}{did_you_mean(str(found), options)}"
        )
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]} here, not {_shown(found)}"
    if kind in _BOUND:
        words, limit = _BOUND[kind]
        return f"this must be {words} {context[limit]:g}, not {_shown(found)}"
    if kind in ("too_short", "string_too_short"):
        return "this is empty; name at least one"
    return f"{details['msg'][0].lower()}{details['msg'][1:]}, not {_shown(found)}"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    return f'"{str(value)[:60]}"' if isinstance(value, str) else str(value).lower()[:60]
