"""Which items are played on which lines.

Knows the sections of the bench and how large each is.  Must not know how an item is played or what
came of it.

Where there is more than is needed, what is played is drawn by the names of the plays: always the
same ones, and those of a smaller bench are among those of a larger one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from voicebot.bench.corpus import Item, Kind
from voicebot.bench.lines import CLEAN, ECHO_LINES, LINES, NOISY_LINES, QUIET_LINES
from voicebot.bench.plays import Play
from voicebot.bench.questions import CAN_BE_INTERRUPTED
from voicebot.bench.voices import Half
from voicebot.rehearsal.impairments import seed_of
from voicebot.speaking.synthesiser import Speech


class Section(StrEnum):
    """What is measured."""

    ANSWERS = "answers"
    """Every question on a clean line, and the same through plain endpointers."""
    LINES = "lines"
    """Answers and what is none, on all lines."""
    BARGE_IN = "barge-in"
    """Answers into a prompt."""
    NOISES = "noises"
    """Coughs and the like, into a prompt and as an answer."""
    ECHO = "echo"
    """A silent caller: the bot's own voice, or what is going on around him."""
    KEYS = "keys"
    CPU = "cpu"
    """What hearing costs, beside bare Vosk."""
    PEOPLE = "people"
    """Recordings of people, as far as they were given."""


PLAIN_S: Final = (0.5, 1.0)
"""The silences of the endpointers that ours is put beside."""
ON_A_LINE: Final = 100
"""Answers that are played on each line, and utterances that are none."""
NEAR: Final = "near"
"""The feature of an utterance that is no answer and sounds like one ("grain" for "green")."""
NEAR_ON_A_LINE: Final = 40
INTERRUPTIONS: Final = 150
IN_ECHO: Final = 20
"""Interruptions on each line with an echo."""
SILENT_CALLS: Final = 2
"""On each line on which nobody speaks."""
SILENT_S: Final = 20.0
PRESSED: Final = {"yes_no": "1", "menu": "2"}
COUNTED: Final = 4
"""Answers to each question whose cost is taken."""


SAMPLING: Final = (
    f"on each line but the clean one {ON_A_LINE} answers, {ON_A_LINE} utterances that are none and "
    f"{NEAR_ON_A_LINE} near ones; {INTERRUPTIONS} interruptions, {IN_ECHO} on each line with an echo; "
    f"{COUNTED} answers to each question for the processor time; all of the rest"
)
"""What is drawn where all is played, always the same."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the bench is wanted; without any argument, all that counts.

    Args:
        limit: of plays for each section, line and question.
    """

    half: Half | None = Half.HELD_OUT
    sections: Collection[str] = ()
    questions: Collection[str] = ()
    conditions: Collection[str] = ()
    limit: int | None = None


def plays(items: Iterable[Item], people: Iterable[Item], choice: Choice) -> list[Play]:
    """Give all that is to be played, in the order of the tables."""
    chosen = [item for item in items if choice.half in (None, item.half)]
    theirs = [item for item in people if choice.half in (None, item.half)]
    found: list[Play] = []
    for section, make in _SECTIONS.items():
        if not choice.sections or section in choice.sections:
            found += make(theirs if section is Section.PEOPLE else chosen)
    found = [play for play in found if _is_wanted(play, choice)]
    return found if choice.limit is None else _limited(found, choice.limit)


def _is_wanted(play: Play, choice: Choice) -> bool:
    return (not choice.questions or play.question in choice.questions) and (
        not choice.conditions or play.condition in choice.conditions
    )


def _limited(found: Sequence[Play], limit: int) -> list[Play]:
    groups: dict[object, list[Play]] = defaultdict(list)
    for play in found:
        groups[
            play.section, play.condition, play.question, play.end_silence_s, play.item.kind
        ].append(play)
    return [play for group in groups.values() for play in _drawn(group, limit)]


def _drawn(found: Sequence[Play], count: int) -> list[Play]:
    """So many of them, in their own order."""
    kept = set(sorted(range(len(found)), key=lambda at: seed_of(0, found[at].name))[:count])
    return [play for at, play in enumerate(found) if at in kept]


def _of(items: Iterable[Item], kind: Kind) -> list[Item]:
    return [item for item in items if item.kind is kind]


def _play(
    section: Section,
    item: Item,
    condition: str = CLEAN,
    *,
    end_silence_s: float | None = None,
    interrupts: bool = False,
) -> Play:
    # A noise is none of any question: it gets one by its name.
    any_of = CAN_BE_INTERRUPTED
    question = item.question or any_of[seed_of(0, item.name) % len(any_of)]
    return Play(
        section, item, question, condition, LINES[condition], end_silence_s, interrupts=interrupts
    )


def _answers(items: Sequence[Item]) -> Iterator[Play]:
    for end_silence_s in (None, *PLAIN_S):
        for item in _of(items, Kind.ANSWER):
            yield _play(Section.ANSWERS, item, end_silence_s=end_silence_s)


def _on_lines(items: Sequence[Item]) -> Iterator[Play]:
    spoken = [item for item in items if item.kind is not Kind.NOISE and item.question != "text"]
    groups = (
        ([item for item in spoken if item.kind is Kind.ANSWER], ON_A_LINE),
        ([item for item in _of(spoken, Kind.OUTSIDE) if item.feature != NEAR], ON_A_LINE),
        ([item for item in _of(spoken, Kind.OUTSIDE) if item.feature == NEAR], NEAR_ON_A_LINE),
    )
    for condition in (*QUIET_LINES, *NOISY_LINES):
        for group, count in groups:
            found = [_play(Section.LINES, item, condition) for item in group]
            if condition != CLEAN:
                yield from _drawn(found, count)
            elif group is not groups[0][0]:
                yield from found  # the answers are played on it anyway


def _can_interrupt(items: Sequence[Item]) -> list[Item]:
    return [item for item in _of(items, Kind.ANSWER) if item.question in CAN_BE_INTERRUPTED]


def _barge_in(items: Sequence[Item]) -> Iterator[Play]:
    for condition, count in {
        CLEAN: INTERRUPTIONS,
        **dict.fromkeys(ECHO_LINES, IN_ECHO),
    }.items():
        found = [
            _play(Section.BARGE_IN, item, condition, interrupts=True)
            for item in _can_interrupt(items)
        ]
        yield from _drawn(found, count)


def _noises(items: Sequence[Item]) -> Iterator[Play]:
    for interrupts in (True, False):
        for item in _of(items, Kind.NOISE):
            yield _play(Section.NOISES, item, interrupts=interrupts)


def _echo(items: Sequence[Item]) -> Iterator[Play]:
    del items  # nobody speaks
    for condition in (*ECHO_LINES, *NOISY_LINES):
        for number in range(SILENT_CALLS):
            yield _play(Section.ECHO, _silent(number), condition, interrupts=True)


def _silent(number: int) -> Item:
    return Item(
        name=f"silent-{number}",
        question="",
        kind=Kind.NOISE,
        said="",
        expected=None,
        feature="silence",
        voice="",
        half=Half.HELD_OUT,
        sound=Speech(8000, bytes(2 * round(8000 * SILENT_S))),
    )


def _keys(items: Sequence[Item]) -> Iterator[Play]:
    del items
    for number in range(SILENT_CALLS * 3):
        for question, key in PRESSED.items():
            item = _silent(number)
            yield Play(Section.KEYS, item, question, CLEAN, LINES[CLEAN], key=key)


def _cpu(items: Sequence[Item]) -> Iterator[Play]:
    found = [_play(Section.CPU, item) for item in _of(items, Kind.ANSWER)]
    for question in dict.fromkeys(play.question for play in found):
        yield from _drawn([play for play in found if play.question == question], COUNTED)


def _people(items: Sequence[Item]) -> Iterator[Play]:
    for item in items:
        if item.kind is Kind.OUTSIDE or item.question:
            yield _play(Section.PEOPLE, item)
    found = [_play(Section.PEOPLE, item, interrupts=True) for item in _can_interrupt(items)]
    yield from _drawn(found, INTERRUPTIONS)


_SECTIONS: Final[dict[Section, Callable[[Sequence[Item]], Iterable[Play]]]] = {
    Section.ANSWERS: _answers,
    Section.LINES: _on_lines,
    Section.BARGE_IN: _barge_in,
    Section.NOISES: _noises,
    Section.ECHO: _echo,
    Section.KEYS: _keys,
    Section.CPU: _cpu,
    Section.PEOPLE: _people,
}
