"""Phrases for the recogniser: all that may be said to a question, and what leads from one to another.

Knows answers, values, what leads in to them and how a value of one slot follows that of another.
Must not know engines; but an engine such as Vosk makes a bigram model of the phrases, so that it is
pairs of words that count: a word that never stands behind another is hardly ever heard there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, islice, permutations
from typing import Final

from voicebot.flow import model
from voicebot.flow.answers import Phrase
from voicebot.flow.filling import Slot
from voicebot.flow.linking import Linking
from voicebot.flow.spoken import Language

JOINS: Final = 10
"""How often a word that is a value of its own ("tuesday") is shown with another value behind it."""


_WITHOUT_SMALL_WORDS: Final = (model.Choices, model.Digits, model.Phone, model.Spelling)


@dataclass(frozen=True)
class Wording:
    """What may be said to one question."""

    answers: Sequence[Phrase]
    """Word for word."""
    slots: tuple[Slot, ...]
    """The values of a form, or the one of a single question."""
    corrections: tuple[Phrase, ...]
    language: Language
    linking: Linking
    joined: bool
    """Whether several values are to be expected in one utterance.  Each phrase makes a short answer
    such as "no" a little harder to hear."""

    def phrases(self) -> tuple[str, ...]:
        """Each once, in an order that is always the same."""
        found = [" ".join(phrase) for phrase in self.answers]
        for slot in self.slots:
            found += slot.typed.phrases
        found += sorted(self.language.fillers)
        if len(self.slots) > 1:
            found += self._hesitating()
        found += [" ".join(lead) for lead in self.language.lead_ins if not self._muddles(lead)]
        found += self._led_in()
        for one, other in permutations(self.slots, 2):
            if self.joined:
                found += _joined(one, self._openings(other))
        if len(self.slots) > 1 and self._counts:
            found += [" ".join(phrase) for phrase in self.linking.counting]
        return tuple(dict.fromkeys(found))

    def _hesitating(self) -> Iterator[str]:
        """Answers behind an "uh": amid thousands of phrases one of a single word ("no") would be
        hard to hear, as hardly anything ends there."""
        for filler in sorted(self.language.fillers):
            yield from (f"{filler} {' '.join(answer)}" for answer in self.answers)

    def _led_in(self) -> Iterator[str]:
        """What opens a correction or leads in to a value, alone and with one behind it."""
        for slot in self.slots:
            sayings = self.linking.sayings
            common = () if slot.kind in _WITHOUT_SMALL_WORDS else sayings.get(None, ())
            openings = cycle(self._openings(slot))
            for lead in (*self.corrections, *common, *sayings.get(slot.kind, ())):
                if not self._muddles(lead):
                    yield " ".join(lead)
                    yield from (f"{' '.join(lead)} {next(openings)}" for _ in range(2))

    def _openings(self, slot: Slot) -> Sequence[str]:
        """How values of a slot begin, with the word before them that tells their kind."""
        first_two = [p.split()[:2] for p in slot.typed.phrases]
        cues = self.linking.cues
        cued = [words for words in first_two if slot.kind in cues.get(words[0], frozenset())]
        short = {phrase for phrase in slot.typed.phrases if " " not in phrase}
        whole = [words for words in cued if words[-1] in short]  # "at ten" rather than "at half"
        return list(dict.fromkeys(" ".join(words) for words in whole or cued or first_two)) or [""]

    @cached_property
    def _counts(self) -> bool:
        """Whether "for two" is more than digits that were misheard."""
        kinds = {slot.kind for slot in self.slots}
        return model.Number in kinds and not kinds & {model.Digits, model.Phone, model.Spelling}

    def _muddles(self, lead: Phrase) -> bool:
        """Whether a word of it ("to") would be heard in place of an answer's ("two")."""
        return any(self.language.sounds_like.get(word) in self._said for word in lead)

    @cached_property
    def _said(self) -> frozenset[str]:
        spoken = {word for phrase in self.answers for word in phrase}
        return frozenset(spoken.union(*(slot.content for slot in self.slots)))


def _joined(one: Slot, openings: Sequence[str]) -> Iterator[str]:
    """Each last word of a slot's values with how values of another slot begin."""
    short = {phrase for phrase in one.typed.phrases if " " not in phrase}
    behind = cycle(openings)
    for last in _each_once(phrase.split()[-1] for phrase in one.typed.phrases):
        for opening in islice(behind, JOINS if last in short else 1):
            yield f"{last} {opening}"


def _each_once(words: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(words)
