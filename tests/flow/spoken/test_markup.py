"""Prompts as the synthesiser is to read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.flow.spoken import ENGLISH
from voicebot.flow.spoken.markup import LONGEST_PAUSE_S, READ_AS, Mark, pieces, plain, problems


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello.", ("Hello.",)),
        ("", ()),
        ('Hello <break time="300ms"/> you', ("Hello", 0.3, "you")),
        ("Hello<break time='1.5s' />you", ("Hello", 1.5, "you")),
        ("a <break/> b", ("a", 0.4, "b")),
        ('a <break strength="strong"/> b', ("a", 0.7, "b")),
        ('a <break strength="none"/> b', ("a", 0.0, "b")),
        ('a <break time="soon"/> b', ("a", 0.4, "b")),
        ('a <break time="99s"/> b', ("a", LONGEST_PAUSE_S, "b")),
        ('<break time="1s"/>', (1.0,)),
        ("1 < 2 <b>", ("one < two <b>",)),
        ('<sub alias="World Wide Web">WWW</sub>!', ("World Wide Web!",)),
        ("<sub>WWW</sub>", ("WWW",)),
        ('<sub alias="x"/>y', ("y",)),
        ('<sub alias="x">y', ("x",)),
        ("</sub>y", ("y",)),
        ('On <say-as interpret-as="date">2027-03-02</say-as>.',
         ("On Tuesday, March second, twenty twenty seven.",)),
        ('<say-as interpret-as="characters">AB1</say-as>', ("A, B, one",)),
        ('<say-as interpret-as="spell-out">ab</say-as>', ("A, B",)),
        ('<say-as interpret-as="telephone">12</say-as>', ("one two",)),
        ('<say-as interpret-as="ordinal">3</say-as>', ("third",)),
        ('<say-as interpret-as="cardinal">30</say-as>', ("thirty",)),
        ('<say-as interpret-as="digits">30</say-as>', ("three zero",)),
        ('<say-as interpret-as="currency">3</say-as>', ("three dollars",)),
        ('<say-as interpret-as="time">10:00</say-as>', ("ten A M",)),
        ('<say-as interpret-as="date">soon, 5</say-as>', ("soon, five",)),
        ('<say-as interpret-as="wibble">5</say-as>', ("five",)),
        ('<sub alias="five">5<break time="1s"/></sub>', (1.0, "five")),
        ('a <mark name="x"/> b', ("a", Mark("x"), "b")),
        ('<mark name="x"/><break time="1s"/>a<mark name="y"/>', (Mark("x"), 1.0, "a", Mark("y"))),
    ],
)  # fmt: skip
def test_pieces(text: str, said: tuple[str | float | Mark, ...]) -> None:
    assert pieces(text, ENGLISH) == tuple(p for p in said if p)


def test_every_way_to_read_is_one_of_say() -> None:
    for name in READ_AS:
        assert pieces(f'<say-as interpret-as="{name}">?</say-as>', ENGLISH) == ("?",)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('Hello <break time="1s"/> you', "Hello you"),
        ('<say-as interpret-as="date">2027-03-02</say-as>', "2027-03-02"),
        ('The <sub alias="World Wide Web">WWW</sub>', "The WWW"),
        ("1 < 2 <b>", "1 < 2 <b>"),
    ],
)
def test_plain(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('<brake time="3s"/>', "<brake> is not known in prompts: did you mean <break>?"),
        ("<wibble>", "<wibble> is not known in prompts: there are <break>, <say-as>, <sub>, <mark>"),
        ("<mark/>", 'a <mark> needs a name: write <mark name="here"/>'),
        ('<mark name="a">', 'a <mark> holds nothing: write <mark name="here"/>'),
        ('<break tine="3s"/>', "<break> has no tine: did you mean time?"),
        ('<break when="3s"/>', "<break> has no when: it has time and strength"),
        ('<break time="3x"/>', '"3x" is no length of a pause: one is written 300ms or 1.5s'),
        ('<break time="99s"/>', "a pause of 99s is too long: at most 10s"),
        ('<break strength="stong"/>', 'strength="stong" is not known: did you mean strong?'),
        ('<break strength="zz"/>', 'strength="zz" is not known: there are none, x-weak, weak, medium, strong, x-strong'),
        ('<break time="1s">', 'a <break> holds nothing: write <break time="300ms"/>'),
        ("<say-as>1</say-as>", '<say-as> does not say how: write <say-as interpret-as="date">'),
        ("<sub>1</sub>", '<sub> does not say how: write <sub alias="the words">'),
        ('<say-as interpret-as="dat">1</say-as>', 'interpret-as="dat" is not known: did you mean date?'),
        ('<say-as interpret-as="zzz">1</say-as>', f'interpret-as="zzz" is not known: there are {", ".join(READ_AS)}'),
        ('<sub alias="x">y', "<sub> is never closed: write </sub>"),
        ("y</sub>", "</sub> closes nothing: no <sub> is open before it"),
    ],
)  # fmt: skip
def test_problems(text: str, complaint: str) -> None:
    assert problems(text) == [complaint]


@pytest.mark.parametrize(
    "text",
    [
        "1 < 2 and 3 > 2",
        '<break time="${pause}"/><break/><break strength="${x}"/>',
        '<say-as interpret-as="${kind}">1</say-as>',
        '<sub alias="x"/>',
        '<mark name="here"/>',
    ],
)
def test_no_problems(text: str) -> None:
    assert problems(text) == []


@given(st.text(st.sampled_from('<>/ab "=1:$-.5') | st.characters(), max_size=40))
def test_any_text_is_read_without_harm(text: str) -> None:
    assert all(pieces(text, ENGLISH))
    assert isinstance(plain(text), str)
    assert isinstance(problems(text), list)
