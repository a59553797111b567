"""What one result of the bench is: right, a miss, an answer that was rejected or mistaken.

Knows what is right.  Must not know how an item is played, or what many results come to.
"""

from __future__ import annotations

from collections.abc import Sequence

from voicebot.bench.corpus import Kind, plain
from voicebot.bench.plan import Section
from voicebot.bench.plays import Outcome, Result
from voicebot.bench.questions import same


def share_right(result: Result) -> float:
    """How much of it was understood: all or nothing, but of open text so many of its words."""
    if result.kind != Kind.ANSWER:
        return float(result.outcome is not Outcome.UNDERSTOOD)
    if result.outcome is not Outcome.UNDERSTOOD:
        return 0.0
    if result.question == "text":
        said, heard = plain(str(result.expected)).split(), plain(str(result.value)).split()
        return max(0.0, 1 - word_errors(said, heard) / max(len(said), 1))
    return float(same(result.expected, result.value))


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """How many words are wrong, missing or too many."""
    above = list(range(len(heard) + 1))
    for row, word in enumerate(said, start=1):
        here = [row]
        for column, other in enumerate(heard, start=1):
            substituted = above[column - 1] + (word != other)
            here.append(min(substituted, above[column] + 1, here[-1] + 1))
        above = here
    return above[-1]


def is_rejected(result: Result) -> bool:
    """An answer that was taken for none."""
    return result.kind == Kind.ANSWER and result.outcome is not Outcome.UNDERSTOOD


def is_wrongly_accepted(result: Result) -> bool:
    """An answer that was taken for another one."""
    return (
        result.kind == Kind.ANSWER
        and result.outcome is Outcome.UNDERSTOOD
        and not same(result.expected, result.value)
    )


def is_miss(result: Result) -> bool:
    """Whether somebody should look at it."""
    if result.section == Section.KEYS:
        return result.outcome is not Outcome.UNDERSTOOD
    if result.section in {Section.NOISES, Section.ECHO}:
        return is_stopped(result) or result.outcome is not Outcome.NOTHING
    if result.interrupts and result.stopped_s is None:
        return True
    if result.question == "text":
        return result.cut_off or result.outcome is not Outcome.UNDERSTOOD
    return result.cut_off or share_right(result) < 1


def is_accepted(result: Result) -> bool:
    """Something that was taken for an answer."""
    return result.outcome is Outcome.UNDERSTOOD


def is_stopped(result: Result) -> bool:
    """A prompt that was given up before its end."""
    return result.interrupts and result.stopped_s is not None
