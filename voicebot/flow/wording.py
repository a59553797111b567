"""Phrases for the recogniser: all that may be said to a question, and what leads from one to another.

Knows answers, values, what leads in to them and how a value of one slot follows that of another.
Must not know engines; but an engine such as Vosk makes a bigram model of the phrases, so that it is
pairs of words that count: a word that never stands behind another is hardly ever heard there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, cycle, islice, permutations, product
from typing import Final

from voicebot.flow import model
from voicebot.flow.answers import Phrase, words
from voicebot.flow.filling import Slot
from voicebot.flow.linking import Linking
from voicebot.flow.spoken import Language

JOINS: Final = 10
"""How often a word that is a value of its own ("tuesday") is shown with another value behind it."""


_STRINGS: Final = (model.Digits, model.Phone, model.Spelling)
_WITHOUT_SMALL_WORDS: Final = (model.Choices, *_STRINGS)

ANSWERS_SHARE: Final = 2
"""There is one answer for so many phrases of a correction, counted as often as each is told."""
LEAST_WEIGHT: Final = 12
FEW: Final = 20
"""So few phrases of a slot are each told behind every opening."""


@dataclass(frozen=True)
class Wording:
    """What may be said to one question that wants a value, or to a menu."""

    answers: Sequence[Phrase]
    """Word for word."""
    slots: tuple[Slot, ...]
    """The values of a form, or the one of a single question."""
    corrections: tuple[Phrase, ...]
    language: Language
    linking: Linking
    names: Sequence[Phrase] = ()
    """Of the answers those of a plain choice, such as a colour."""

    def phrases(self) -> tuple[str, ...]:
        """Each once, in an order that is always the same."""
        found = [" ".join(phrase) for phrase in self.answers]
        tail = self.linking.one
        if tail and tail not in self._said:
            # Without it "the yellow one" is heard as no answer.  An article as well ("the") made
            # answers of what was none, and a menu's long answers gain nothing.
            found += [f"{' '.join(name)} {tail}" for name in self.names if len(name) == 1]
        for slot in self.slots:
            found += (*slot.typed.phrases, *self._runs(slot))
        found += sorted(self.language.fillers)
        if len(self.slots) > 1:
            found += self._hesitating()
        found += [" ".join(lead) for lead in self.language.lead_ins if not self._muddles(lead)]
        found += self._led_in()
        for one, other in permutations(self.slots, 2):
            found += _joined(one, self._openings(other))
        if len(self.slots) > 1 and self._counts:
            found += [" ".join(phrase) for phrase in self.linking.counting]
        return tuple(dict.fromkeys(found))

    def _runs(self, slot: Slot) -> Iterator[str]:
        """Each digit, or letter, behind each: a string goes on with any of them, and where that was
        not told, speech that is no answer is expected rather."""
        if slot.kind in _STRINGS:
            yield from map(" ".join, product(self.language.digits, repeat=2))
        if slot.kind is model.Spelling:
            names = chain.from_iterable(self.language.letters.names.values())
            letters = [words(name)[0] for name in names if len(words(name)) == 1]
            yield from map(" ".join, product(letters, repeat=2))

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


@dataclass(frozen=True)
class Confirming(Wording):
    """What may be said to the confirmation of a form: yes, no, or what is to be corrected.

    Yes and no are what nearly everybody says; the values are what a noisy "yeah" is heard as
    ("nine").  So values come behind an opening only ("no", "i mean", "at"), and the answers come
    many times: a bigram model gives half of what a phrase weighs to words in any order, the first
    time that it is told.
    """

    def phrases(self) -> tuple[str, ...]:
        """In an order that is always the same; an answer as often as it weighs."""
        corrected = [phrase for slot in self.slots for phrase in self._corrected(slot)]
        for one, other in permutations(self.slots, 2):
            if {one.kind, other.kind} <= {model.Date, model.Time}:  # "friday at three"
                joined = _joined(one, _mixed(self._openings(other)))
                corrected += [f"{self._denied[1]}{phrase}" for phrase in joined]
        if self._counts:
            counted = [" ".join(phrase) for phrase in self.linking.counting]
            corrected += [f"{lead}{phrase}" for phrase in counted for lead in self._denied]
        answers = [" ".join(answer) for answer in self.answers]
        fillers = sorted(self.language.fillers)
        beside = [f"{f} {answer}" for f in fillers for answer in answers]
        beside += [f"{answer} {f}" for f in fillers for answer in answers]
        weight = max(len(corrected) // max(len(answers), 1) // ANSWERS_SHARE, LEAST_WEIGHT)
        beside *= max(weight // LEAST_WEIGHT, 1)
        return (*answers * weight, *fillers, *beside, *corrected)

    @property
    def _denied(self) -> tuple[str, str]:
        """Nothing, and the shortest word of denial with its space."""
        denial = next((c[0] for c in self.corrections if len(c) == 1), "")
        return "", f"{denial} ".lstrip()

    def _corrected(self, slot: Slot) -> Iterator[str]:
        """Each of its phrases behind one opening; behind all of them where there are few."""
        if slot.kind in _STRINGS:
            yield from self._string(slot)
            return
        leads, cues = self._leads(slot), self.linking.cues
        denial = self._denied[1].strip()
        # Most corrections are a "no" and the value.
        behind = cycle([each for lead in leads for each in (lead, denial or lead)])
        denied = cycle(self._denied)
        few = len(slot.typed.phrases) <= FEW
        for phrase in slot.typed.phrases:
            if slot.kind in cues.get(phrase.partition(" ")[0], ()):  # "at ten" opens by itself
                yield f"{next(denied)}{phrase}"
            elif few:
                yield from (f"{lead} {phrase}" for lead in leads)
                if not self._muddles((phrase.partition(" ")[0],)):
                    yield from (f"{self._denied[1]}{phrase}" for _ in range(LEAST_WEIGHT))
            else:
                yield f"{next(behind)} {phrase}"

    def _leads(self, slot: Slot) -> list[str]:
        sayings = self.linking.sayings
        common = () if slot.kind in _WITHOUT_SMALL_WORDS else sayings.get(None, ())
        leads = (*self.corrections, *sayings.get(slot.kind, ()), *common)
        return [" ".join(lead) for lead in leads if not self._muddles(lead)] or [""]

    def _string(self, slot: Slot) -> Iterator[str]:
        """Digits or letters, never without what tells that they come: alone they are heard in the
        place of every short word."""
        said = self.linking.sayings.get(slot.kind, ())
        opened = [f"{denial}{' '.join(lead)}" for lead in said for denial in self._denied]
        firsts = list(_each_once(phrase.split()[0] for phrase in slot.typed.phrases))
        behind = cycle(opened or [self._denied[1].strip()])
        for one in firsts:
            yield from (f"{lead} {one}" for lead in opened)
            yield from (f"{next(behind)} {one} {other}" for other in firsts)


def _joined(one: Slot, openings: Sequence[str]) -> Iterator[str]:
    """Each last word of a slot's values with how values of another slot begin."""
    short = {phrase for phrase in one.typed.phrases if " " not in phrase}
    behind = cycle(openings)
    for last in _each_once(phrase.split()[-1] for phrase in one.typed.phrases):
        for opening in islice(behind, JOINS if last in short else 1):
            yield f"{last} {opening}"


def _mixed(openings: Sequence[str]) -> list[str]:
    """Those of one first word ("at") not all together, so that each few of them have all."""
    seen: Counter[str] = Counter()
    turns = []
    for opening in openings:
        first = opening.partition(" ")[0]
        turns.append((seen[first], opening))
        seen[first] += 1
    return [opening for _, opening in sorted(turns)]


def _each_once(words: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(words)
