"""Expressions and texts with `${}`: what they give, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.flow.expressions import (
    ExpressionError,
    Surroundings,
    as_text,
    evaluate,
    fill,
    literal,
    parse_expression,
    parse_template,
)

NAMES: dict[str, Any] = {
    "n": 3, "name": "Bob", "nothing": None, "yes": True, "day": "2027-03-01",
    "call": {"id": "a", "caller": "15551234", "node": "main"},
    "result": {"status": 200, "json": {"free": ["10:00", "11:30"], "items": 2}, "text": "{…}"},
}  # fmt: skip


def say(kind: str, value: object) -> str:
    if value == "never":
        raise ValueError(f"this is no {kind}")
    return f"<{kind} {value}>"


CLOCK = Surroundings(
    NAMES,
    {
        "now": lambda: "2027-03-01T10:00",
        "today": lambda: "2027-03-01",
        "hours": lambda n: n == "open",
    },
    say,
)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("n + 1", 4),
        ("-n * 2 // 4", -2),
        ("7 / 2", 3.5),
        ("n > 2 and not n == 4", True),
        ("1 < n <= 3", True),
        ("name in ['Ann', 'Bob']", True),
        ("'o' not in name", False),
        ("'big' if n > 2 else 'small'", "big"),
        ("yes == true and nothing == null", True),
        ("call.caller", "15551234"),
        ("day >= today()", True),
        ("now()", "2027-03-01T10:00"),
        ("len(name) + len(1234)", 7),
        ("int('12') + int(3.7)", 15),
        ("default(nothing, 'x') + default('', 'y') + default(name, 'z')", "xyBob"),
        ("name | upper", "BOB"),
        ("'ab 1' | spell", "<spell ab 1>"),
        ("day | date", "<date 2027-03-01>"),
        ("name | upper | digits", "<digits BOB>"),
        ("hours('open') and not hours('shut')", True),
        ("result.status == 200", True),
        ("default(unset, 'nothing')", "nothing"),
        ("result.json.free[0]", "10:00"),
        ("result.json['free'][-1]", "11:30"),
        ("result.json.items", 2),
        ("result.json.nobody", None),
        ("len(result.json.free) + len('ab'[1])", 3),
    ],
)
def test_value(source: str, value: object) -> None:
    assert evaluate(parse_expression(source), CLOCK) == value


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("", "there is no expression here"),
        ("n +", "is not an expression"),
        ("n = 1", "two values are compared with =="),
        ("name.upper()", 'no function is called "name.upper"'),
        ("call.items", 'call has no "items"'),
        ("call.callr", 'did you mean "caller"?'),
        ("open('x')", 'no function is called "open"'),
        ("hours()", "hours() takes one argument"),
        ("len()", "len() takes one argument"),
        ("now(1)", "now() takes no arguments"),
        ("default(1)", "default() takes two arguments"),
        ("len(x=1)", "len() takes one argument"),
        ("n | monney", 'no filter is called "monney"; did you mean "money"?'),
        ("n | 3", "behind | stands the name of a filter"),
        ("1 if n else (n | upper)", "filters stand last"),
        ("n[0:1]", "Slice is not part of the language"),
        ("[x for x in n]", "is not part of the language"),
        ("lambda: 1", "Lambda is not part of the language"),
        ("n ** 99", "Pow is not part of the language"),
        ("f'{n}'", "is not part of the language"),
        ("b'x'", "is not part of the language"),
        ("(n := 1)", "is not part of the language"),
        ("{'a': 1}", "Dict is not part of the language"),
    ],
)
def test_refused_at_load(source: str, why: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_expression(source)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    "source",
    ["1 / (n - 3)", "name + n", "n > name", "unknown + 1", "int(name)", "int(nothing)", "n in n",
     "name * 9999999", "name.upper", "result.keys()[0]", "n.real", "result.json.free[2]", "n[0]", "'never' | date", "int(10.0 * n) * 1" + "0" * 200, "+".join(["n"] * 3000)],
    ids=["zero", "text and number", "order", "unknown", "int", "null", "in", "long", "method", "call", "attribute", "item", "index", "filter", "large", "deep"],
)  # fmt: skip
def test_fails_in_a_call_with_one_kind_of_error(source: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(parse_expression(source), CLOCK)


def test_error_of_int_does_not_quote_what_may_be_secret() -> None:
    with pytest.raises(ExpressionError) as raised:
        evaluate(parse_expression("int(name)"), CLOCK)
    assert "Bob" not in str(raised.value)


def test_names_are_the_variables_that_are_read() -> None:
    assert parse_expression("len(a) + b if call.id else true").names == {"a", "b", "call"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${n}", 3),
        ("${n}!", "3!"),
        ("${name} is ${n + 1}, ${nothing}${yes}.", "Bob is 4, yes."),
        ("$${n} costs $5", "${n} costs $5"),
        ("${'}' + name}", "}Bob"),
    ],
)
def test_template(text: str, value: object) -> None:
    assert fill(parse_template(text), CLOCK) == value


def test_template_without_its_brace() -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_template("a ${n")
    assert str(raised.value) == '"${n" has no closing }'


def test_literal_is_no_template() -> None:
    assert (literal(True).parts, literal("${x}").parts) == (("yes",), ("${x}",))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "yes"), (False, "no"), (3.0, "3"), (3.5, "3.5"), (7, "7"), ("x", "x")],
)
def test_as_text(value: object, text: str) -> None:
    assert as_text(value) == text


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse_template("${" + text)
        parse_expression(text)
    except ExpressionError:
        return


@given(st.text("n1+-*/%<>=()'!|. ,andotrifelse", max_size=20))
def test_any_expression_gives_a_value_or_one_kind_of_error(source: str) -> None:
    try:
        as_text(evaluate(parse_expression(source), CLOCK))
    except ExpressionError:
        return
