"""What is said word for word, or pressed as a key of its own: a question's choices, the universals.

Knows their phrases in one language and their keys, and which of them heard words or keys mean.
Must not know typed values, forms or how words were heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TypeAlias

from voicebot.flow.answers import ANY, Phrase, Still, fit, spot
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

    def still(self, heard: Phrase) -> Still:
        """What the words so far may still become."""
        found = self._fits(heard)
        return self._fits(figures(heard, self._language)) if found is Still.OUTSIDE else found

    def _fits(self, heard: Phrase) -> Still:
        fits = [(*fit(heard, phrase), phrase, option) for phrase, option in self.phrases]
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

    def spot(self, heard: Phrase) -> Option | None:
        """The one that is meant by the words, or stands out among them."""
        found = spot(heard, self.phrases)
        return found or spot(figures(heard, self._language), self.phrases)

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
