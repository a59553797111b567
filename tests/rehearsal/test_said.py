"""Texts held against each other: what counts as said, and what as told."""

import pytest

from voicebot.rehearsal.said import Turn, contains, normal


def turn_of(*texts: str) -> Turn:
    turn = Turn()
    for text in texts:
        turn.add(text, "en-US")
    return turn


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("Which day?", "which  DAY"),
        ("Don’t hang up.", "don't hang up"),
        ("It is booked.", "book"),
        (
            'Press <say-as interpret-as="digits">12</say-as> <break time="300ms"/>now.',
            "press 12 now",
        ),
        ("At 10:00.", "10:00"),
        ("You owe $5.20.", "five dollars"),
    ],
)
def test_a_part(said: str, part: str) -> None:
    assert turn_of(said).take(part) == 0


def test_a_part_begins_with_a_word() -> None:
    assert turn_of("I know.").take("no") is None
    assert turn_of("I know, no.").take("no") == 0


def test_a_part_may_go_over_prompts() -> None:
    assert turn_of("Hello.", "Which day?", "Go on.").take("hello which day") == 1


def test_parts_come_in_order() -> None:
    turn = turn_of("One, two.", "Three.")
    assert turn.take("two") == 0
    assert turn.take("one") is None
    assert turn.take("three") == 1


def test_what_is_said_once_counts_once() -> None:
    turn = turn_of("Sorry?", "Sorry?")
    assert [turn.take("sorry") for _ in range(3)] == [0, 1, None]


def test_a_turn_ends() -> None:
    turn = turn_of("Hello.")
    turn.forget()
    assert turn.take("hello") is None


def test_normal() -> None:
    assert normal("  Straße, „Köln“ — 5! ") == "strasse köln 5"


@pytest.mark.parametrize(
    ("text", "part", "told"),
    [
        ("pin 1234", "1234", True),
        ("pin 1 2 3 4", "1234", True),
        ("pin 12-34", "1234", True),
        ("pin one two three four", "1234", True),
        ("at 12:34", "1234", False),
        ("ABC", "abc", True),
        ("pin ***", "1234", False),
    ],
)
def test_contains(text: str, part: str, told: bool) -> None:
    assert contains(text, part) is told
