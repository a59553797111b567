"""Strings said piece by piece."""

from __future__ import annotations

import pytest

from voicebot.flow.answers import words
from voicebot.flow.spoken.strings import BACK, Chunks

CHUNKS = Chunks(
    {("a",): "A", ("b",): "B", ("double", "a"): "AA", ("as", "in", "bravo"): f"{BACK}B"},
    unheard={("dash",): ""},
    before_any_word=[("as", "in")],
)


@pytest.mark.parametrize(
    ("text", "said", "unfinished"),
    [
        ("", "", False),
        ("a b", "AB", False),
        ("a dash b", "AB", False),
        ("b double a", "BAA", False),
        ("b double", None, True),
        ("a as in bravo", "B", False),
        ("a as in apple", "A", False),
        ("a as in berta", None, False),
        ("as in apple", None, False),
        ("a as in", None, True),
        ("a tea", None, False),
    ],
)
def test_chunks(text: str, said: str | None, unfinished: bool) -> None:
    assert CHUNKS.read(words(text)) == (said, unfinished)


def test_phrases_are_those_that_are_heard() -> None:
    assert CHUNKS.phrases == ("a", "b", "double a", "as in bravo", "as in")
