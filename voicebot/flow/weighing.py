"""Several ways to hear an utterance, each with its meaning, into the one that is meant.

Knows meanings and how probable each way is.  Must not know words, questions or engines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from voicebot.flow.bands import Bands
from voicebot.flow.meaning import Filled, Meaning, Value

Reading: TypeAlias = "tuple[Meaning | None, float]"
"""What a way to hear it means, and how probable it is; None: it is no answer."""
Chance: TypeAlias = "Callable[[Meaning], float]"
"""What else speaks for a meaning: 1 leaves it as probable as it is, 0 is that it cannot be."""

_Part: TypeAlias = "tuple[str, type, object]"
"""One thing that a meaning says: of which slot, and the value; an option goes by its identity."""


def weighed(readings: Sequence[Reading], chance: Chance, bands: Bands) -> Meaning | None:
    """The most probable meaning; None: it is no answer, or could be too many.

    Its values are as sure as they are probable by their sound, whatever stands beside them.  One
    that cannot be is taken where there is no other: the caller is to be told what is wrong with it.
    """
    shares = [share if meaning is None else share * chance(meaning) for meaning, share in readings]
    whole = sum(shares) or 1.0
    left = [(meaning, share / whole) for (meaning, _), share in zip(readings, shares, strict=True)]
    found = _likeliest(left, bands) or _likeliest(readings, bands)
    return None if found is None else _sure(found, _shares(readings), 0.0)


def _likeliest(readings: Sequence[Reading], bands: Bands) -> Meaning | None:
    if answer_share(readings) < bands.answer:
        return None
    parts = _shares(readings)
    found: dict[frozenset[_Part], tuple[Meaning, float]] = {}
    for meaning, share in readings:
        sure = None if meaning is None else _sure(meaning, parts, bands.value)
        if sure is not None:
            key = frozenset(_parts(sure))
            found[key] = sure, share + found.get(key, (sure, 0.0))[1]
    ranked = sorted(found.values(), key=lambda one: -one[1])
    return ranked[0][0] if ranked else None


def answer_share(readings: Sequence[Reading]) -> float:
    """How probable it is that it is any answer."""
    return sum(share for meaning, share in readings if meaning is not None)


def same_meaning(one: Meaning, other: Meaning) -> bool:
    """Whether they say the same, however surely."""
    return frozenset(_parts(one)) == frozenset(_parts(other))


def _shares(readings: Sequence[Reading]) -> Mapping[_Part, float]:
    """How probable each part of all meanings is."""
    parts: dict[_Part, float] = defaultdict(float)
    for meaning, share in readings:
        for part in () if meaning is None else _parts(meaning):
            parts[part] += share
    return parts


def _parts(meaning: Meaning) -> Iterator[_Part]:
    match meaning:
        case Filled(values, answer):
            yield from ((name, type(one.value), one.value) for name, one in values.items())
            if answer is not None:
                yield "", type(answer), id(answer)
        case Value(value):
            yield "", type(value), value
        case option:
            yield "", type(option), id(option)


def _sure(meaning: Meaning, parts: Mapping[_Part, float], least: float) -> Meaning | None:
    """What of a meaning is probable enough."""
    match meaning:
        case Filled(values, answer):
            shares = {name: parts[name, type(v.value), v.value] for name, v in values.items()}
            sure = {
                name: replace(value, confidence=shares[name])
                for name, value in values.items()
                if shares[name] >= least
            }
            return Filled(sure, answer) if sure else answer
        case Value():
            share = parts[next(_parts(meaning))]
            return replace(meaning, confidence=share) if share >= least else None
        case _:
            return meaning if parts[next(_parts(meaning))] >= least else None
