"""What a variable can hold, and what therefore never works.

Knows the kind of value that each question, step and constant gives.  Must not know how an expression
is evaluated (expressions.py).  Only what is certain is told: a variable that anything unknown may
fill is left alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from voicebot.flow import model, walk
from voicebot.flow.check.told import Known, error, warning
from voicebot.flow.dialled import other_outcome
from voicebot.flow.expressions import Expression, Template
from voicebot.flow.spoken.markup import marks as marks_in
from voicebot.flow.walk import Survey, Text
from voicebot.flow.yamlfile import Finding, did_you_mean

ANYTHING: Final = "anything"
NULL: Final = "null"
_KINDS: Final[Mapping[type[object], str]] = {
    model.Digits: "a text of digits", model.Phone: "a text of digits", model.Spelling: "a text",
    model.FreeText: "a text", model.Number: "a number", model.Amount: "a number",
    model.Date: "a date", model.Time: "a time",
}  # fmt: skip
_OUTCOME: Final = "call.transfer"
_TRUTH: Final = "true or false"
_CHOSEN: Final = "one of its choices"
_RESULT: Final = "the answer of a server"
_FILE: Final = "the path of a file"
_TEXTS: Final = frozenset({"a text of digits", "a text", _FILE})
_MEMBERS: Final = ("status", "json", "text")
_CALL: Final = re.compile(
    r"call\.(id|caller|caller_name|called|channel|channel_language|args\..+|transfer)"
)
"""What is a text, of the values of the call that could be taken for numbers."""

_NOT_FOR: Final[Mapping[str, frozenset[str]]] = {
    "date": frozenset({_TRUTH, "a number", "a time", _RESULT}),
    "time": frozenset({_TRUTH, "a number", "a date", _RESULT}),
    "money": frozenset({_TRUTH, "a date", "a time", _RESULT}),
    "number": frozenset({_TRUTH, "a date", "a time", _RESULT}),
    "phone": frozenset({_TRUTH, "a date", "a time", _RESULT}),
    "digits": frozenset({_TRUTH, _RESULT}),
    "spell": frozenset({_TRUTH, _RESULT}),
    "upper": frozenset({_RESULT}),
}
"""By filter: what it cannot say."""


@dataclass(slots=True)
class Holds:
    """What a variable may hold, as far as that is known."""

    kinds: set[str] = field(default_factory=set)
    choices: set[str] = field(default_factory=set)
    """The texts it can be, where it can be no other."""

    def certain(self) -> frozenset[str]:
        """Its kinds but null; none where it may hold anything."""
        kinds = frozenset(self.kinds - {NULL})
        return frozenset() if ANYTHING in kinds else kinds


def holds(found: Survey) -> dict[str, Holds]:
    """By variable: what the steps of the flow put into it."""
    by_name: dict[str, Holds] = {}

    def add(name: str, kind: str, choices: frozenset[str] = frozenset()) -> None:
        known = by_name.setdefault(name, Holds())
        known.kinds.add(kind)
        known.choices |= choices

    # A flow that comes back is called by others, which may begin it with any values.
    is_called = any(isinstance(step, model.Return) for step in found.steps)
    for name, constant in found.flow.variables.items():
        add(name, ANYTHING if is_called else _constant(constant))
    for step in found.steps:
        if isinstance(step, model.Set):
            for name, value, _ in step.values:
                add(name, ANYTHING if isinstance(value, Template) else _constant(value))
            continue
        kind, choices = _filled_with(step)
        for name in walk.fills(step):
            add(name, kind, choices)
    return by_name


def _filled_with(step: model.Step) -> tuple[str, frozenset[str]]:
    match step:
        case model.Question():
            return _answer(step)
        case model.Http():
            return _RESULT, frozenset()
        case model.Record():
            return _FILE, frozenset()
        case _:
            return ANYTHING, frozenset()


def _constant(value: model.Constant) -> str:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return _TRUTH
    # A text may stand for a date, a time or digits; compared with a text it is one.
    return "a number" if isinstance(value, int | float) else "a text"


def _answer(question: model.Question) -> tuple[str, frozenset[str]]:
    if isinstance(question.wants, model.Choices):
        values = [choice.value for choice in question.wants.choices]
        if any(isinstance(value, bool) for value in values):
            return _TRUTH, frozenset()
        return _CHOSEN, frozenset(map(str, values))
    return _KINDS[type(question.wants)], frozenset()


def _expressions(found: Survey) -> Iterator[tuple[Text, Expression]]:
    for text in found.texts:
        for expression in text.expressions():
            yield text, expression


# Members and filters ---------------------------------------------------------------------------


def members(found: Survey, _known: Known) -> Iterator[Finding]:
    """`x.y` of a variable that never has members."""
    known: dict[str, Holds] = {}
    for text, expression in _expressions(found):
        if "." not in expression.source:
            continue
        known = known or holds(found)
        for node in ast.walk(expression.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                message = _no_member(node.value.id, node.attr, known)
                if message:
                    yield error("never-works", text.mark, f'"{expression.source}": {message}')


def _no_member(name: str, member: str, known: Mapping[str, Holds]) -> str:
    kinds = known[name].certain() if name in known else frozenset[str]()
    if not kinds:
        return ""
    if _RESULT not in kinds:
        return f"{name} is {_either(kinds)}, which has no members"
    if kinds == {_RESULT} and member not in _MEMBERS:
        near = did_you_mean(member, _MEMBERS) or f"; there is {', '.join(_MEMBERS)}"
        return f'the answer of a server has no "{member}"{near}'
    return ""


def filters(found: Survey, _known: Known) -> Iterator[Finding]:
    """`${x | date}` of a variable that never is a date."""
    known: dict[str, Holds] = {}
    for text, expression in _expressions(found):
        if not expression.filters or not isinstance(expression.tree, ast.Name):
            continue
        known = known or holds(found)
        name, said_as = expression.tree.id, expression.filters[0]
        kinds = known[name].certain() if name in known else frozenset[str]()
        if kinds and kinds <= _NOT_FOR.get(said_as, frozenset()):
            yield error(
                "never-works",
                text.mark,
                f'"{expression.source}": {name} is {_either(kinds)}, which `| {said_as}` cannot say',
            )


# Comparisons -----------------------------------------------------------------------------------


def comparisons(found: Survey, _known: Known) -> Iterator[Finding]:
    """A variable compared with a literal that it never equals."""
    known: dict[str, Holds] = {}
    for text, expression in _expressions(found):
        if not any(sign in expression.source for sign in ("=", "<", ">", " in ")):
            continue
        known = known or holds(found)
        for name, operator, constant in _compared(expression.tree):
            message = _never(name, operator, constant, known)
            if message:
                yield warning("never-equal", text.mark, f'"{expression.source}": {message}')


def marks(found: Survey, _known: Known) -> Iterator[Finding]:
    """`call.mark` compared with a name that no prompt marks."""
    asked = [(t, e) for t, e in _expressions(found) if "mark" in e.source]
    if not asked:
        return
    texts = [words.text.parts for words in walk.words_of(found.prompts)]
    there = {
        name
        for parts in texts
        for name in marks_in("".join(p if isinstance(p, str) else _ANY for p in parts))
    }
    is_called = any(isinstance(step, model.Return) for step in found.steps)
    if any(_ANY in name for name in there) or (is_called and not there):
        return  # any name there is; or those of whoever calls this flow
    for text, expression in asked:
        for name in _marks_compared(expression.tree):
            if name not in there:
                listed = f"; there is {', '.join(sorted(there))}" if there else ""
                near = did_you_mean(name, there) or listed
                yield warning(
                    "never-equal",
                    text.mark,
                    f'"{expression.source}": no prompt has a <mark name="{name}"/>{near}',
                )


_ANY: Final = "\0"
"""Stands for the value of an expression."""


def _marks_compared(tree: ast.expr) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(s, ast.Attribute) and ast.unparse(s) == "call.mark" for s in sides):
                for side in sides:
                    items = side.elts if isinstance(side, ast.List | ast.Tuple) else [side]
                    yield from (
                        item.value
                        for item in items
                        if isinstance(item, ast.Constant) and isinstance(item.value, str)
                    )


def _compared(tree: ast.expr) -> Iterator[tuple[str, ast.cmpop, object]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, right = node.left, node.comparators[0]
            if isinstance(right, _NAMED):
                left, right = right, left
            items = right.elts if isinstance(right, ast.List | ast.Tuple) else [right]
            for item in items:
                if isinstance(left, _NAMED) and isinstance(item, ast.Constant):
                    yield ast.unparse(left), node.ops[0], item.value


_NAMED = ast.Name | ast.Attribute
"""What may be compared: a variable, or what is known of the call."""


def _never(  # noqa: C901 - a row for each kind
    name: str, operator: ast.cmpop, constant: object, known: Mapping[str, Holds]
) -> str:
    kinds = known[name].certain() if name in known else frozenset[str]()
    kinds = frozenset({"a text"}) if _CALL.fullmatch(name) else kinds
    if len(kinds) != 1 or constant is None or isinstance(constant, bool):
        return ""
    kind = next(iter(kinds))
    is_number = isinstance(constant, int | float)
    if kind == _TRUTH:
        return (
            f"{name} is true or false, never {_shown(constant)}: write just {name}, or not {name}"
        )
    if kind == "a text of digits" and is_number:
        return f"{name} is a text, not a number: write int({name})"
    if name == _OUTCOME and not is_number:
        near = other_outcome(str(constant))
        return f"{name} is never {_shown(constant)}{near}" if near else ""
    if kind in _TEXTS and is_number:
        return f'{name} is a text, not a number: write "{constant}" in quotes, or int({name})'
    if kind == "a number" and not is_number:
        return f"{name} is a number, not a text: write {constant} without quotes"
    if kind in ("a date", "a time"):
        example, pattern = _WRITTEN[kind]
        if is_number or not re.fullmatch(pattern, str(constant)):
            return f'{name} is {kind}, written as "{example}": it is never {_shown(constant)}'
    if kind == _CHOSEN and isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn):
        return _not_chosen(name, constant, known[name].choices)
    return ""


_WRITTEN: Final[Mapping[str, tuple[str, str]]] = {
    "a date": ("2027-03-01", r"\d{4}-\d\d-\d\d"),
    "a time": ("09:30", r"[0-2]\d:[0-5]\d"),
}


def _not_chosen(name: str, constant: object, choices: set[str]) -> str:
    if str(constant) in choices and isinstance(constant, str):
        return ""
    if str(constant) in choices:
        return f'{name} is a text, not a number: write "{constant}" in quotes'
    near = did_you_mean(str(constant), choices) or f"; there is {', '.join(sorted(choices))}"
    return f"{name} is never {_shown(constant)}{near}"


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _either(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds))
