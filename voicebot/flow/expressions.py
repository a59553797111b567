"""Expressions (`${x + 1}`, `if: "n > 3"`) and the texts they stand in.

Knows how an expression is written, which names, functions and filters there are, and how it is
evaluated.  Must not know steps, questions or the call.  Everything is parsed and checked when the
flow is loaded; simpleeval evaluates it, and the check below lets nothing reach it that could touch
an attribute of a Python object.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import simpleeval

from voicebot.flow.yamlfile import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

CALL_NAMES: Final = ("id", "caller", "caller_name", "called", "channel", "channel_language", "args",
                     "started", "language", "node", "mark", "mark_time", "transfer")  # fmt: skip
"""What `call.NAME` may be."""
CALL_MAPPINGS: Final = ("args",)
"""Those of them that have members: any, which are null where there is none of that name."""

FUNCTIONS: Final[Mapping[str, tuple[int, int]]] = {
    "now": (0, 0),
    "today": (0, 0),
    "len": (1, 1),
    "hours": (1, 1),
    "int": (1, 1),
    "default": (2, 2),
}
"""Each function with the least and the most arguments it takes."""

FILTERS: Final = ("date", "time", "digits", "spell", "money", "phone", "number", "upper")
"""How a value is said; all but `upper` depend on the language of the call."""

_LARGEST: Final = 10**100
"""A number beyond it is a mistake, and one that grows by every turn would stop the daemon."""

_ALLOWED = (
    ast.Expression | ast.Constant | ast.Name | ast.Load | ast.BoolOp | ast.And | ast.Or
    | ast.UnaryOp | ast.Not | ast.USub | ast.BinOp | ast.Add | ast.Sub | ast.Mult | ast.Div
    | ast.FloorDiv | ast.Mod | ast.Compare | ast.Eq | ast.NotEq | ast.Lt | ast.LtE | ast.Gt
    | ast.GtE | ast.In | ast.NotIn | ast.IfExp | ast.Call | ast.Tuple | ast.List | ast.Attribute
    | ast.Subscript
)  # fmt: skip


class ExpressionError(Exception):
    """An expression that cannot be parsed (at load) or evaluated (in a call); says why."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: `source` as written, the variables it reads, its filters in order."""

    source: str
    tree: ast.expr
    names: frozenset[str]
    filters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `${}` in it: literal pieces and expressions in order."""

    parts: tuple[str | Expression, ...]

    @property
    def names(self) -> frozenset[str]:
        """The variables that the text reads."""
        return frozenset().union(*(p.names for p in self.expressions()))

    def expressions(self) -> Iterator[Expression]:
        return (part for part in self.parts if isinstance(part, Expression))


_MISTAKES: Final = (
    (r"\$\{", "variables stand in it without ${}"),
    (r"[^=!<>]=[^=]", "two values are compared with =="),
    (r"&&", "write `and`, not &&"),
    (r"\|\|", "write `or`, not ||"),
    (r"(^|\s)!\s*\w", "write `not`, not !"),
)
"""Habits from other languages, and what is written here."""


def parse_expression(source: str) -> Expression:
    """Parse what stands in `${}` or behind `if:`.

    Raises:
        ExpressionError: with a sentence for the author of the flow.
    """
    if not source.strip():
        raise ExpressionError("there is no expression here: write one, for example ${name}")
    tree = _parsed(source)
    filters: list[str] = []
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr):
        if not isinstance(tree.right, ast.Name):
            raise ExpressionError(f'"{source}": behind | stands the name of a filter')
        filters.append(tree.right.id)
        tree = tree.left
    filters.reverse()
    for name in filters:
        if name not in FILTERS:
            raise ExpressionError(f'"{source}": {_unknown("filter", name, FILTERS)}')
    names = frozenset(_check(tree, source))
    return Expression(source.strip(), tree, names, tuple(filters))


def _parsed(source: str) -> ast.expr:
    try:
        return ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        habit = next((remedy for wrong, remedy in _MISTAKES if re.search(wrong, source)), reason)
        raise ExpressionError(f'"{source}" is not an expression: {habit}') from None


def parse_template(text: str) -> Template:
    """Split a text at its `${}`.  Raises ExpressionError; `$${` stands for a plain `${`."""
    parts: list[str | Expression] = []
    literal, at = "", 0
    while (found := text.find("${", at)) >= 0:
        if text.startswith("$", found - 1) and found > at:
            literal += text[at : found - 1] + "${"
            at = found + 2
            continue
        literal += text[at:found]
        if literal:
            parts.append(literal)
            literal = ""
        end = _closing_brace(text, found + 2)
        parts.append(parse_expression(text[found + 2 : end]))
        at = end + 1
    literal += text[at:]
    if literal or not parts:
        parts.append(literal)
    return Template(tuple(parts))


def literal(value: object) -> Template:
    """A template that is just this value, as text."""
    return Template((as_text(value),))


def _closing_brace(text: str, start: int) -> int:
    quote = ""
    for at in range(start, len(text)):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "}":
            return at
    raise ExpressionError(f'"{text[start - 2 :]}" has no closing }}')


def _check(tree: ast.expr, source: str) -> Iterator[str]:
    """Yield the variables read; raise on anything the language does not have."""
    callees = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.BitOr):
            raise ExpressionError(f'"{source}": filters stand last, behind the whole expression')
        if not isinstance(node, _ALLOWED):
            raise ExpressionError(f'"{source}": {type(node).__name__} is not part of the language')
        if isinstance(node, ast.Constant) and not isinstance(node.value, str | int | float | None):
            raise ExpressionError(f'"{source}": {node.value!r} is not part of the language')
        if isinstance(node, ast.Call):
            _check_call(node, source)
        elif isinstance(node, ast.Attribute):
            _check_member(node, source)
        elif isinstance(node, ast.Name) and id(node) not in callees and node.id not in _WORDS:
            yield node.id


_WORDS: Final[Mapping[str, object]] = {"true": True, "false": False, "null": None}


def _check_call(node: ast.Call, source: str) -> None:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        name = ast.unparse(node.func)
        raise ExpressionError(f'"{source}": {_unknown("function", name, FUNCTIONS)}')
    least, most = FUNCTIONS[node.func.id]
    if node.keywords or not least <= len(node.args) <= most:
        wanted = ("no arguments", "one argument", "two arguments")[least]
        raise ExpressionError(f'"{source}": {node.func.id}() takes {wanted}')


def _check_member(node: ast.Attribute, source: str) -> None:
    of_call = isinstance(node.value, ast.Name) and node.value.id == "call"
    if of_call and node.attr not in CALL_NAMES:
        near = did_you_mean(node.attr, CALL_NAMES) or "; there is " + ", ".join(CALL_NAMES)
        raise ExpressionError(f'"{source}": call has no "{node.attr}"{near}')
    owner = ast.unparse(node.value) if isinstance(node.value, _MEMBERS) else ""
    if owner.startswith("call.") and owner.removeprefix("call.") not in CALL_MAPPINGS:
        other = f"{owner}_{node.attr}".removeprefix("call.")  # caller.name is caller_name
        others = [name for name in CALL_NAMES if owner != f"call.{name}"]
        near = did_you_mean(other, others) if "." not in other else ""
        raise ExpressionError(f'"{source}": {owner} has no members, so no .{node.attr}{near}')


_MEMBERS = ast.Attribute | ast.Subscript


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    near = did_you_mean(name, known) or "; there is " + ", ".join(known)
    return f'no {what} is called "{name}"{near}'


# Evaluating ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an expression is evaluated in."""

    variables: Mapping[str, object]
    """Every variable, and `call` (a mapping of CALL_NAMES)."""
    functions: Mapping[str, Callable[..., object]]
    """`now`, `today` and `hours`; the others are here."""
    say: Callable[[str, object], str]
    """(filter, value) → how it is said in the language of the call; ValueError: it is no such value."""


def evaluate(expression: Expression, around: Surroundings) -> object:
    """The value of an expression.

    Raises:
        ExpressionError: a wrong type, a division by zero, an absent variable, too large a result.
    """
    evaluator = _Evaluator(around)
    try:
        value: object = evaluator.eval(expression.source, previously_parsed=expression.tree)
        for name in expression.filters:
            value = as_text(value).upper() if name == "upper" else around.say(name, value)
    except (simpleeval.InvalidExpression, ArithmeticError, LookupError, TypeError, ValueError) as e:
        raise ExpressionError(f'"{expression.source}": {e}') from None
    except RecursionError:
        raise ExpressionError(f'"{expression.source}" is too long') from None
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ExpressionError(f'"{expression.source}" gives too large a number')
    return value


class _Names(dict[str, object]):
    """The variables.  One that nothing has set yet is null; that there is one is the check's proof."""

    def __missing__(self, name: str) -> None:
        return None


class _Evaluator(simpleeval.EvalWithCompoundTypes):  # type: ignore[misc]
    """simpleeval, but `x.y` and `x[y]` look into mappings and lists and at nothing else."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__(
            names=_Names({**_WORDS, **around.variables}),
            functions={**_PURE_FUNCTIONS, **around.functions},
        )
        self.nodes[ast.Attribute] = self._member
        self.nodes[ast.Subscript] = self._item

    def _member(self, node: ast.Attribute) -> object:
        owner = self._eval(node.value)
        if not isinstance(owner, Mapping):
            raise TypeError(f"{ast.unparse(node.value)} has no members, so no .{node.attr}")
        return owner.get(node.attr)

    def _item(self, node: ast.Subscript) -> object:
        owner, key = self._eval(node.value), self._eval(node.slice)
        if isinstance(owner, Mapping):
            return owner.get(key)
        if isinstance(owner, list | tuple | str) and isinstance(key, int):
            if -len(owner) <= key < len(owner):
                item: object = owner[key]
                return item
            raise LookupError(f"{ast.unparse(node.value)} has no item {key}")
        raise TypeError(f"{ast.unparse(node.value)} has no items")


def fill(template: Template, around: Surroundings) -> object:
    """The value of a template: of a single `${}` the value itself, else the joined text.

    Raises:
        ExpressionError: as evaluate().
    """
    if len(template.parts) == 1 and isinstance(template.parts[0], Expression):
        return evaluate(template.parts[0], around)
    return "".join(
        part if isinstance(part, str) else as_text(evaluate(part, around))
        for part in template.parts
    )


def as_text(value: object) -> str:
    """A value as it is said: nothing for null, yes and no for booleans, 3 for 3.0."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _to_int(value: Any) -> int:  # noqa: ANN401 - whatever the flow gives it
    """`int()` as the flow has it; its error does not quote the value, which may be secret."""
    try:
        return int(float(value)) if isinstance(value, str) else int(value)
    except (TypeError, ValueError):
        raise ValueError("int() of what is not a number") from None


_PURE_FUNCTIONS: Final[Mapping[str, Callable[..., object]]] = {
    "len": lambda value: (
        len(value) if isinstance(value, str | list | tuple | Mapping) else len(str(value))
    ),
    "int": _to_int,
    "default": lambda value, other: other if value is None or value == "" else value,
}
