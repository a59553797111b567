"""Words into values of a form's slots: the best way to cut an utterance into them.

Knows slots with their ears, the small words between values, and how good a cut is.  Must not know
questions, universals, keys or what the values are for.

A cut takes the words one after another: as a value of a slot that has none yet, as a value that is
denied ("not Monday"), as what opens a correction ("Monday, no, Tuesday"), behind which a value takes
the place of an earlier one, as a small word, or, unless it is strict, as a word that nobody asked
for.  Every cut has a score; of those that come to the same place with the same slots filled only
the best goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias

from voicebot.flow import model
from voicebot.flow.answers import UNKNOWN, Phrase
from voicebot.flow.linking import Linking
from voicebot.flow.spoken.hear import Reading
from voicebot.flow.typed import Typed

MOST_WORDS: Final = 60
"""A longer utterance is a story, and would take long to cut."""

_WORD: Final = 100
"""For each word of a value; the other weights are against this one."""
_VALUE: Final = -30
"""Few values rather than many: "twenty five" is one number."""
_CUED: Final = 40
_CUED_OTHERWISE: Final = -120
_SOUNDALIKE: Final = -150
"""For a "for" that has to be a four."""
_CORRECTION: Final = 50
"""For each word of what opens a correction."""
_STRANGE: Final = -60
_DROPPED: Final = -150
"""A word that could be part of some value, and is of none."""
_FAVOURITE: Final = 30
_AVERSE: Final = -40


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One that an utterance may fill."""

    name: str
    kind: type
    """Of model.Wants."""
    typed: Typed
    content: frozenset[str]
    """Words that its values are made of."""
    shy: frozenset[str]
    """Words that are a value of it only when it is asked: "eleven" is a day only there."""


@dataclass(frozen=True, slots=True)
class Span:
    """Words that are a value; `end` is the word behind it."""

    slot: Slot
    start: int
    end: int
    value: str | float
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """A way to understand the words so far."""

    score: int = 0
    spans: tuple[Span, ...] = ()
    strange: int = 0
    """Words, or unknown sounds, that nobody asked for."""
    dropped: frozenset[str] = frozenset()
    corrects: bool = False
    """It ends with what opens a correction, or with that and small words."""

    @property
    def covered(self) -> int:
        return sum(span.end - span.start for span in self.spans)

    @property
    def filled(self) -> dict[str, Span]:
        return {span.slot.name: span for span in self.spans if not span.denied}

    @property
    def holds(self) -> bool:
        """Whether it says something, and nothing that it drops could change what it says."""
        filled = self.filled
        denied = {span.slot.name for span in self.spans if span.denied}
        doubt = any(word in span.slot.content for span in self.spans for word in self.dropped)
        rambling = len(self.dropped) > self.covered
        retracted = self.corrects and self.spans[-1].value is True  # "yes, no"
        unclear = doubt or rambling or retracted
        return bool(filled) and denied <= filled.keys() and not unclear


_Key: TypeAlias = "tuple[frozenset[tuple[str, bool]], bool]"
"""The slots that have a value, and those that have a denied one; whether the next one corrects."""


@dataclass(frozen=True, slots=True, eq=False)
class Cutter:
    """Cuts the utterances of one question.

    Args:
        slots: the asked one first, then in the order of the file.
        asked: the name of the slot that is asked; None where none of these is.
    """

    slots: tuple[Slot, ...]
    asked: str | None
    linking: Linking
    corrections: tuple[Phrase, ...]
    soundalikes: frozenset[str]
    alone: bool = False
    """The question stands alone: what opens a correction does so behind a value only."""

    def cut(
        self, words: Phrase, now: datetime | None, filled: Collection[str], *, strict: bool
    ) -> Cuts:
        """All that an utterance may be."""
        work = _Work(self, words, now, self._favours(words, filled), filled, strict)
        return work.cuts()

    def _favours(self, words: Phrase, filled: Collection[str]) -> dict[str, int]:
        """By slot: who is meant when a value could be that of several."""
        names = [slot.name for slot in self.slots]
        corrects = any(self.opens_correction(words, at) for at in range(len(words)))
        if corrects or any(word in self.linking.denials for word in words):
            later = [name for name in names if name in filled]
            favours = {name: _FAVOURITE + at for at, name in enumerate(later)}
        else:
            favours = {name: _AVERSE if name in filled else -at for at, name in enumerate(names)}
            favours |= {name: _FAVOURITE for name in names if name == self.asked}
        return favours

    def opens_correction(self, words: Phrase, at: int) -> int:
        """How many words from there on open a correction."""
        sizes = (len(p) for p in self.corrections if words[at : at + len(p)] == p)
        return max(sizes, default=0)


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """What an utterance may be, whole and going on."""

    whole: tuple[Cut, ...]
    """Those that reach its end, the best first."""
    longer: Mapping[int, frozenset[str]]
    """By the word where it begins: the slots of which a value may be under way at its end."""

    @property
    def best(self) -> Cut | None:
        return next((cut for cut in self.whole if cut.holds), None)

    def longer_than(self, cut: Cut) -> frozenset[str]:
        """Slots of which a longer value may come in the place of a cut's last one."""
        last = cut.spans[-1]
        before = {span.slot.name for span in cut.spans[:-1] if not span.denied}
        return self.longer.get(last.start, frozenset()) - (before - {last.slot.name})

    @property
    def goes_on(self) -> bool:
        """Whether more words could make it say something."""
        return bool(self.longer or self.whole)


class _Work:
    """One utterance being cut."""

    def __init__(
        self,
        cutter: Cutter,
        words: Phrase,
        now: datetime | None,
        favours: Mapping[str, int],
        filled: Collection[str],
        strict: bool,
    ) -> None:
        self._cutter = cutter
        self._linking = cutter.linking
        self._words = words
        self._now = now
        self._favours = favours
        self._filled = filled
        self._strict = strict
        self._longer: dict[int, frozenset[str]] = {}
        self._reached: list[dict[_Key, Cut]] = [{} for _ in range(len(words) + 1)]

    def cuts(self) -> Cuts:
        if len(self._words) <= MOST_WORDS:
            self._reached[0][frozenset(), False] = Cut()
        for at in range(len(self._words)):
            if self._reached[at]:
                self._step(at)
        whole = sorted(self._reached[-1].values(), key=lambda cut: -cut.score)
        return Cuts(tuple(whole), self._longer)

    def _step(self, at: int) -> None:
        cuts = self._reached[at]
        spans, longer = self._spans(at)
        if any(corrects or (name, False) not in had for name in longer for had, corrects in cuts):
            self._longer[at] = longer
        for key, cut in cuts.items():
            for span in spans:
                if self._may_be(span, key, cut):
                    marked = (span.slot.name, span.denied)
                    self._reach(span.end, (key[0] | {marked}, False), self._with(cut, span))
            self._pass_over(at, key, cut)

    def _may_be(self, span: Span, key: _Key, cut: Cut) -> bool:
        """Whether a value may stand behind what a cut has so far."""
        had, corrects = key
        name = span.slot.name
        if (name, span.denied) in had:
            return corrects and not span.denied and _replaces(span, cut.filled[name])
        # In Spanish a "no" denies as well, but nobody denies what he has not said before.
        denies = span.denied and cut.spans and name not in self._filled
        return not (denies and self._cutter.opens_correction(self._words, span.start))

    def _reach(self, at: int, key: _Key, cut: Cut) -> None:
        known = self._reached[at].get(key)
        if known is None or cut.score > known.score:
            self._reached[at][key] = cut

    # Values --------------------------------------------------------------------------------

    def _spans(self, at: int) -> tuple[list[Span], frozenset[str]]:
        """Every value that begins there, every one that is denied there, and the slots of which one
        goes on behind the last word."""
        denies = self._words[at] in self._linking.denials
        found: list[Span] = []
        slots = self._cutter.slots
        longer = {slot.name for slot in slots if denies and at + 1 == len(self._words)}
        for slot in slots:
            for begin in (at, at + 1) if denies else (at,):
                for end, reading in self._readings(slot, begin):
                    if reading.value is not None:
                        found.append(Span(slot, at, end, reading.value, denied=begin > at))
                    if reading.longer and end == len(self._words):
                        longer.add(slot.name)
        return found, frozenset(longer)

    def _readings(self, slot: Slot, begin: int) -> Iterator[tuple[int, Reading]]:
        """The words from there on, one more each time, as long as they may be a value."""
        shy = slot.shy if slot.name != self._cutter.asked else frozenset[str]()
        # A "for" is a four where nothing else was said, not amid words that nobody asked for.
        guessed = frozenset[str]() if self._strict else self._cutter.soundalikes
        for end in range(begin + 1, len(self._words) + 1):
            if self._words[end - 1] == UNKNOWN:
                return  # a value with a gap is none: what was not understood may belong to it
            said = self._words[begin:end]
            reading = slot.typed.read(said, self._now)
            if shy.issuperset(said) or guessed.issuperset(said):
                reading = Reading(None, reading.longer)
            yield end, reading
            if not reading.longer:
                return

    def _begins(self, at: int) -> bool:
        """Whether a value begins there."""
        readings = (r for slot in self._cutter.slots for _, r in self._readings(slot, at))
        return any(reading.value is not None for reading in readings)

    def _with(self, cut: Cut, span: Span) -> Cut:
        score = cut.score + _VALUE + _WORD * (span.end - span.start)
        if not span.denied:
            score += self._favours.get(span.slot.name, 0) + self._cue(span)
        if cut.corrects and span.slot is cut.spans[-1].slot:
            score += _FAVOURITE
        sounds = self._cutter.soundalikes
        score += _SOUNDALIKE * sum(word in sounds for word in self._words[span.start : span.end])
        return Cut(score, (*cut.spans, span), cut.strange, cut.dropped)

    def _cue(self, span: Span) -> int:
        """What the word before a value, or its first one, says of its kind."""
        nearby = self._words[max(span.start - 2, 0) : span.start + 1]
        inside = nearby[-1:] if nearby[-1] in self._linking.cues else ()
        before = nearby[-2:-1] if nearby[-2:-1] and nearby[-2] in self._linking.cues else ()
        further = nearby[:-2] if len(nearby) > 2 and nearby[-2] in self._linking.leads else ()  # noqa: PLR2004
        for word in (*inside, *before, *further):
            kinds = self._linking.cues.get(word, frozenset())
            if span.slot.kind in kinds:
                return _CUED
            if any(slot.kind in kinds for slot in self._cutter.slots):
                return _CUED_OTHERWISE
        return 0

    # Other words ---------------------------------------------------------------------------

    def _pass_over(self, at: int, key: _Key, cut: Cut) -> None:
        had = key[0]
        opens = self._cutter.opens_correction(self._words, at)
        if opens and (cut.spans or not self._cutter.alone):
            score = cut.score + _CORRECTION * opens
            # Before any value it is an earlier answer that is corrected.
            behind = bool(cut.spans)
            self._reach(at + opens, (had, behind), replace(cut, score=score, corrects=behind))
        word = self._words[at]
        if word in self._linking.leads:
            self._reach(at + 1, key, replace(cut, score=cut.score - 1))
        elif not self._strict and not (word in self._linking.denials and self._begins(at + 1)):
            drops = any(word in slot.content for slot in self._cutter.slots)
            dropped = cut.dropped | {word} if drops else cut.dropped
            score = cut.score + (_DROPPED if drops else _STRANGE)
            self._reach(at + 1, (had, False), Cut(score, cut.spans, cut.strange + 1, dropped))


def _replaces(span: Span, earlier: Span) -> bool:
    """Whether a value may take the place of an earlier one: "four five six seven, no, eight" does
    not say how much of it was wrong."""
    if span.slot.kind not in (model.Digits, model.Phone, model.Spelling):
        return True
    return len(str(span.value)) == len(str(earlier.value))
