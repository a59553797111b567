"""Answer templates and the words that fit them.

Knows how a template such as "(book|make) [an] appointment" becomes phrases, and how heard words are
held against phrases.  Must not know questions, keys or how the words were recognised.  The template
language is hassil's (Home Assistant); `<name>` refers to the flow's `answers:`, and `*` stands for
one or more words.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, auto
from functools import lru_cache
from typing import Final, TypeAlias, TypeVar

from hassil.errors import HassilError
from hassil.expression import Alternative as AnyOf
from hassil.expression import Expression, Permutation, RuleReference, TextChunk
from hassil.expression import Sequence as Seq
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError

Phrase: TypeAlias = "tuple[str, ...]"
"""Lower-case words; "*" stands for one or more of any."""

ANY: Final = "*"
UNKNOWN: Final = "[unk]"
"""What the recogniser writes for speech outside the question's words."""

MOST_PHRASES: Final = 2000
"""A template that says more than this is a mistake: the recogniser would compile it for seconds."""

Option = TypeVar("Option")


class AnswerError(Exception):
    """A template that cannot be used; says why."""


class Still(Enum):
    """What the words heard so far may still become: this decides how long to wait."""

    COMPLETE = auto()
    """An answer, and no longer one begins like it."""
    ENOUGH = auto()
    """The answer to what was asked; what may follow it is something else: what a form asks next, or
    words around the answer."""
    EXTENDABLE = auto()
    """An answer, but a longer one begins like it ("two", "two hundred")."""
    SERIES = auto()
    """An answer, but more digits or letters may come, which people say in groups."""
    PREFIX = auto()
    """The beginning of an answer."""
    NOTHING = auto()
    """No word so far, though there was a voice: the recogniser may know more when it is asked."""
    OUTSIDE = auto()
    """Nothing that was asked for."""
    OPEN = auto()
    """Anything was asked for."""


class Claim(Enum):
    """Whom the words heard so far are for: this decides whether a prompt waits for more of them."""

    NONE = auto()
    """No word: a noise, or somebody else's talk."""
    HESITATION = auto()
    """A filler, or a word or two that may stand in an answer, amid what may not: somebody may be
    about to give one."""
    WORDS = auto()
    """Words that may stand in an answer and are none."""
    ANSWER = auto()
    """An answer, or the beginning of one: they are for the bot."""


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word and how sure the recogniser is, 0 to 1."""

    text: str
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to hear an utterance."""

    words: Phrase
    probability: float
    """Against the other ways, 0 to 1."""


# Templates -------------------------------------------------------------------------------------


def phrases(template: str, library: Mapping[str, Sequence[str]]) -> tuple[Phrase, ...]:
    """All phrases that a template stands for, each once, in the order of the template.

    Args:
        library: the flow's `answers:`, templates by name.

    Raises:
        AnswerError: it cannot be parsed, refers to an unknown name or to itself, or says too much.
    """
    if not _SPECIAL.search(template) and template.strip():
        found = dict.fromkeys((words(template),))  # plain words, as most answers are
    else:
        found = dict.fromkeys(words(text) for text in _texts(_parsed(template), library, ()))
    found.pop((), None)
    if not found:
        raise AnswerError(f'"{template}" can be said by saying nothing: it needs a word')
    return tuple(found)


_SPECIAL: Final = re.compile(r"[][(){}<>|;\\:]")
"""What makes a template more than its words."""


@lru_cache(maxsize=2048)
def words(text: str) -> Phrase:
    """A text as the recogniser would write it: lower case, digits as words, no punctuation."""
    pointed = _DECIMAL.sub(r"\1 point \2", text.lower())
    spaced = re.sub(r"\d", lambda digit: f" {DIGIT_NAMES[int(digit[0])]} ", pointed)
    return tuple(re.findall(r"[^\W_]+(?:['’][^\W_]+)*|\*", spaced.replace("’", "'")))


_DECIMAL: Final = re.compile(r"(?<![\d.])(\d+)\.(\d+)(?!\.?\d)")
"""42.50, and not 1.3.2027."""
DIGIT_NAMES: Final = "zero one two three four five six seven eight nine".split()


@lru_cache(maxsize=2048)
def _parsed(template: str) -> Expression:
    if not template.strip():
        raise AnswerError("there is no answer here: write what the caller says")
    mistake = _unbalanced(template)
    if mistake is not None:
        raise AnswerError(f'"{template}" is not an answer: {mistake}')
    if "{" in template:
        raise AnswerError(_NO_LISTS)
    try:
        return parse_sentence(template).expression
    except (ParseError, HassilError, AssertionError, ValueError):  # the parser asserts, too
        raise AnswerError(
            f'"{template}" is not an answer: write words, (a|b), [a] or <name>'
        ) from None


_NO_LISTS: Final = "{lists} are not part of an answer: write (a|b)"
_CLOSED_BY: Final = {"(": ")", "[": "]", "<": ">", "{": "}"}


def _unbalanced(template: str) -> str | None:
    """What is wrong with the brackets, in a plain sentence."""
    opened: list[str] = []
    for sign in re.sub(r"\\.", "", template):  # "\(" is no bracket
        if sign in _CLOSED_BY:
            opened.append(sign)
        elif sign in _CLOSED_BY.values():
            if not opened:
                return f'the "{sign}" was never opened'
            last = opened.pop()
            if _CLOSED_BY[last] != sign:
                return f'the "{last}" is closed by a "{sign}"'
    return f'the "{opened[-1]}" is never closed' if opened else None


def _texts(
    part: Expression, library: Mapping[str, Sequence[str]], above: tuple[str, ...]
) -> list[str]:
    """The texts of a parsed template; `above` are the names being expanded, against loops."""
    match part:
        case TextChunk():
            return [part.text]
        case AnyOf():
            return _limited(itertools.chain(*(_texts(p, library, above) for p in part.items)))
        case Permutation():
            orders = itertools.permutations(_texts(p, library, above) for p in part.items)
            return _limited(itertools.chain(*(_joined(order, " ") for order in orders)))
        case Seq():
            return _limited(_joined([_texts(p, library, above) for p in part.items], ""))
        case RuleReference():
            return _referred(part.rule_name, library, above)
        case _:
            raise AnswerError(_NO_LISTS)


def _referred(name: str, library: Mapping[str, Sequence[str]], above: tuple[str, ...]) -> list[str]:
    if name in above:
        raise AnswerError(f"<{name}> refers to itself")
    if name not in library:
        near = get_close_matches(name, library, n=1)
        meant = f"; did you mean <{near[0]}>?" if near else ""
        raise AnswerError(f"<{name}> is not one of the flow's answers{meant}")
    each = (_texts(_parsed(template), library, (*above, name)) for template in library[name])
    return _limited(itertools.chain(*each))


def _joined(parts: Iterable[list[str]], glue: str) -> Iterable[str]:
    return (glue.join(texts) for texts in itertools.product(*parts))


def _limited(texts: Iterable[str]) -> list[str]:
    found = list(itertools.islice(texts, MOST_PHRASES + 1))
    if len(found) > MOST_PHRASES:
        raise AnswerError(f"it stands for more than {MOST_PHRASES} phrases: make it smaller")
    return found


# Heard words against phrases -------------------------------------------------------------------


def fit(heard: Phrase, phrase: Phrase) -> tuple[bool, bool]:
    """How heard words stand to a phrase: (they are it, a longer utterance could be it)."""
    if ANY not in phrase:
        return heard == phrase, len(heard) < len(phrase) and phrase[: len(heard)] == heard
    if not heard:
        return False, True
    if phrase[0] == ANY:
        whole = len(phrase) == 1 or any(fit(heard[n:], phrase[1:])[0] for n in range(1, len(heard)))
        return whole, True
    return fit(heard[1:], phrase[1:]) if heard[0] == phrase[0] else (False, False)


def spot(heard: Phrase, options: Iterable[tuple[Phrase, Option]]) -> Option | None:
    """The option meant by the heard words, or None when none or more than one is.

    The words are a phrase of it, the one with the most words of its own ("no" before "*"); or such
    a phrase stands within them ("an appointment for me"), is at least half of them, and no phrase
    of another option stands there too.  What is "*" and nothing else comes last.
    """
    candidates = [(phrase, option) for phrase, option in options if phrase]
    exact = [(phrase, option) for phrase, option in candidates if fit(heard, phrase)[0]]
    if exact:
        phrase, option = max(exact, key=lambda hit: sum(word != ANY for word in hit[0]))
        if phrase != (ANY,):
            return option
    found = _spot_within(heard, candidates)
    return exact[0][1] if found is None and exact else found


def _spot_within(heard: Phrase, candidates: list[tuple[Phrase, Option]]) -> Option | None:
    within = [
        (len(phrase), start, option)
        for phrase, option in candidates
        for start in range(len(heard) - len(phrase) + 1)
        if len(phrase) * 2 >= len(heard) and heard[start : start + len(phrase)] == phrase
    ]
    if not within:
        return None
    length, start, option = max(within, key=lambda hit: hit[0])
    covered = range(start, start + length)
    others = (
        other
        for size, at, other in within
        if other is not option and not (at in covered and at + size - 1 in covered)
    )
    return None if any(True for _ in others) else option


def either(one: Still, other: Still) -> Still:
    """Of two ways to understand the same words: what they are, and what they may become."""
    both = {one, other}
    if Still.OUTSIDE in both:
        return (both - {Still.OUTSIDE} or both).pop()
    if both <= {Still.COMPLETE, Still.ENOUGH}:
        return Still.ENOUGH if Still.ENOUGH in both else Still.COMPLETE
    if Still.SERIES in both:
        return Still.SERIES
    if both & {Still.COMPLETE, Still.ENOUGH, Still.EXTENDABLE}:
        return Still.EXTENDABLE
    return Still.OPEN if Still.OPEN in both else Still.PREFIX
