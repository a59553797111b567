"""What is said word for word, or pressed as a key of its own: a question's choices, the universals.

Knows their phrases in one language and their keys, and which of them heard words or keys mean, also
with small words around them ("the red one") or behind another one that they correct ("blue, no,
red").  Must not know typed values, forms or how words were heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import takewhile
from typing import TypeAlias

from voicebot.flow.answers import ANY, Phrase, Still, fit, spot
from voicebot.flow.filling import MOST_WORDS
from voicebot.flow.linking import linking
from voicebot.flow.meaning import More, Settled
from voicebot.flow.model import Choice, Universal
from voicebot.flow.spoken import Language
from voicebot.flow.spoken.numbers import figures
from voicebot.flow.typed import said

Option: TypeAlias = "Choice | Universal"


class Options:
    """Those of one question; where two are said or pressed alike the earlier one is meant."""

    def __init__(self, options: Sequence[Option], language: Language) -> None:
        self._options = options
        self._language = language
        self._linking = linking(language.tag)
        # Partial results repeat, and so do the ways to hear an utterance.
        self.still = lru_cache(maxsize=256)(self._still)
        self.spot = lru_cache(maxsize=256)(self._spot)

    @cached_property
    def phrases(self) -> tuple[tuple[Phrase, Option], ...]:
        return tuple((p, o) for o in self._options for p in said(o.phrases, self._language))

    @cached_property
    def open_ended(self) -> bool:
        """Whether one stands for any words."""
        return any(ANY in phrase for phrase, _ in self.phrases)

    @cached_property
    def keys(self) -> dict[str, Option]:
        return {key: option for option in reversed(self._options) for key in option.keys}

    # Speech ------------------------------------------------------------------------------------

    def _still(self, heard: Phrase) -> Still:
        """What the words so far may still become."""
        found = self._fits(heard, self.phrases)
        meant = figures(heard, self._language)
        if found is Still.OUTSIDE and meant != heard:
            found = self._fits(meant, self.phrases)
        trimmed = self._trimmed(heard)
        if found is Still.OUTSIDE and trimmed:
            found = self._fits(trimmed, self._named)
        if found is not Still.OUTSIDE:
            return found
        corrected = self._corrected(heard)
        if corrected is None:
            return Still.OUTSIDE
        return self.still(corrected) if self._trimmed(corrected) else Still.EXTENDABLE

    def _fits(self, heard: Phrase, phrases: Sequence[tuple[Phrase, Option]]) -> Still:
        fits = [(*fit(heard, phrase), phrase, option) for phrase, option in phrases]
        # What fits a "*" is never complete: the caller may go on with anything.
        anything = any(whole for whole, _, phrase, _ in fits if ANY in phrase)
        meant = {id(option) for whole, _, phrase, option in fits if whole and ANY not in phrase}
        # A longer way to say the same ("yes", "yes that's right") is not worth waiting for.
        longer = any(goes_on and {id(option)} != meant for _, goes_on, _, option in fits)
        if meant:
            return Still.EXTENDABLE if longer else Still.COMPLETE
        if anything:
            return Still.OPEN
        return Still.PREFIX if longer else Still.OUTSIDE

    def _spot(self, heard: Phrase) -> Option | None:
        """The one that is meant by the words, or stands out among them."""
        found = self._alone(heard)
        if found is not None:
            return found
        corrected = self._corrected(heard)
        return self.spot(corrected) if corrected else None

    def _alone(self, heard: Phrase) -> Option | None:
        """The one that is meant where none is corrected."""
        denied = not self._denials.isdisjoint(heard)
        spotted = self.exact(heard) if denied else self._amid(heard)
        trimmed = self._trimmed(heard)
        return spotted or next((o for p, o in self._named if fit(trimmed, p)[0]), None)

    @cached_property
    def _named(self) -> tuple[tuple[Phrase, Option], ...]:
        """Those that may have small words around: "it's on the right" is no yes."""
        return tuple(
            (phrase, option)
            for phrase, option in self.phrases
            if not (isinstance(option, Choice) and isinstance(option.value, bool))
        )

    def _amid(self, heard: Phrase) -> Option | None:
        """The one that is said, or stands out among other words."""
        found, meant = spot(heard, self.phrases), figures(heard, self._language)
        return found or (spot(meant, self.phrases) if meant != heard else None)

    @cached_property
    def _denials(self) -> frozenset[str]:
        """Words that deny what is behind them, and are no answer and correct nothing."""
        return self._linking.denials - {opening[0] for opening in self._language.corrections}

    def _trimmed(self, heard: Phrase) -> Phrase:
        """Without the small words around."""
        begin = 0
        while size := self._leads_in(heard[begin:]):
            begin += size
        tails = takewhile(self._linking.tails.__contains__, heard[:begin:-1])
        return heard[begin : len(heard) - sum(1 for _ in tails)]

    def _leads_in(self, heard: Phrase) -> int:
        """How many of the first words lead in to an answer."""
        openings = (*self._language.lead_ins, *self._linking.requests)
        longest = max((len(o) for o in openings if heard[: len(o)] == o), default=0)
        return longest or (1 if heard[:1] and heard[0] in self._linking.leads else 0)

    def _corrected(self, heard: Phrase) -> Phrase | None:
        """What is said behind a first answer and the words that take it back; None: nothing does."""
        for at in range(1, len(heard) if len(heard) <= MOST_WORDS else 0):
            sizes = (len(o) for o in self._language.corrections if heard[at : at + len(o)] == o)
            size = max(sizes, default=0)
            if size and self._alone(heard[:at]) is not None:
                return heard[at + size :]
        return None

    def exact(self, heard: Phrase) -> Option | None:
        """The one that is said with just these words."""
        return next((option for phrase, option in self.phrases if fit(heard, phrase)[0]), None)

    # Keys --------------------------------------------------------------------------------------

    def begins(self, key: str) -> bool:
        """Whether the keys of one begin with that key."""
        return any(known.startswith(key) for known in self.keys)

    def press(self, typed: str) -> Settled | More:
        """What the keys pressed so far mean."""
        sizes = (size for size in range(len(typed), 0, -1) if typed[:size] in self.keys)
        size = next(sizes, 0)
        meaning, rest = self.keys.get(typed[:size]), typed[size:] if size else ""
        if any(key.startswith(typed) and key != typed for key in self.keys):
            return More(meaning, rest)
        return Settled(meaning, "" if rest == "#" else rest)
