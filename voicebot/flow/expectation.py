"""What a question expects to hear, and what it makes of what it heard.

Knows a question together with the universals that are heard in it: the words for the recogniser,
what the words so far may still become (for endpointing), and the meaning of the final words or of
pressed keys.  Must not know attempts, prompts, timers or the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from voicebot.flow import entities
from voicebot.flow.answers import ANY, UNKNOWN, Phrase, Still, Word, fit, spot
from voicebot.flow.model import (
    Choice,
    Choices,
    Digits,
    FreeText,
    Number,
    Question,
    Universal,
)

SURE: Final = 0.5
"""A word below this confidence counts as not understood.  Measured with the shipped model: words
forced onto out-of-grammar speech come mostly below, right ones at 0.9 and more."""


@dataclass(frozen=True, slots=True)
class Value:
    """A typed value: a string of digits, a number or a text."""

    value: str | int


Meaning: TypeAlias = Choice | Universal | Value


@dataclass(frozen=True, slots=True)
class Settled:
    """Keys that settle the question; `rest` was typed ahead for the next one.

    `meaning` None: the keys are no answer.
    """

    meaning: Meaning | None
    rest: str = ""


@dataclass(frozen=True, slots=True)
class More:
    """More keys may come.  At the end of the wait `meaning` holds (None: no answer).

    `rest`: keys behind those of the meaning, for the next question ("2" of "12" where there are
    "1" and "123").
    """

    meaning: Meaning | None
    rest: str = ""


class Expectation:
    """One question's ears.  Built once, when the flow is loaded; holds no state of a call."""

    def __init__(
        self, question: Question, universals: Sequence[Universal], lexicon: entities.Lexicon
    ) -> None:
        self._wants = question.wants
        self._lexicon = lexicon
        own = question.wants.choices if isinstance(question.wants, Choices) else ()
        options: list[Choice | Universal] = [*own, *universals]
        self._options = [(phrase, option) for option in options for phrase in option.phrases]
        # Where two have the same key, the first one in the file and the question's own wins.
        self._keys = {key: option for option in reversed(options) for key in option.keys}
        self.grammar: tuple[str, ...] | None = self._grammar()
        """Phrases for the recogniser; None: anything may be said."""

    def _grammar(self) -> tuple[str, ...] | None:
        if isinstance(self._wants, FreeText) or any(ANY in phrase for phrase, _ in self._options):
            return None
        spoken = [" ".join(phrase) for phrase, _ in self._options]
        match self._wants:
            case Digits():
                spoken += [*self._lexicon.digits, *self._lexicon.repeats]
            case Number():
                spoken += self._lexicon.number_words
            case _:
                pass
        spoken += sorted(self._lexicon.fillers)
        if isinstance(self._wants, Choices):
            spoken += [" ".join(lead) for lead in self._lexicon.lead_ins if not self._muddles(lead)]
        return tuple(dict.fromkeys(spoken))

    def _muddles(self, lead: Phrase) -> bool:
        """Whether a word of it ("to") would be heard in place of an answer's ("two")."""
        said = {word for phrase, _ in self._options for word in phrase}
        return any(self._lexicon.sounds_like.get(word) in said for word in lead)

    # Speech --------------------------------------------------------------------------------

    def still(self, text: str) -> Still:
        """What the words so far (a partial result) may still become."""
        if isinstance(self._wants, Choices) and self.grammar is not None and not text:
            return Still.NOTHING
        heard = entities.bare(text.split(), self._lexicon)
        if not heard:
            return Still.OPEN if isinstance(self._wants, FreeText) else Still.OUTSIDE
        still = self._still(heard)
        if still is Still.OUTSIDE:
            return self._still(entities.figures(heard, self._lexicon))
        return still

    def _still(self, heard: Phrase) -> Still:
        fits = [(*fit(heard, phrase), phrase, option) for phrase, option in self._options]
        # What fits a "*" is never complete: the caller may go on with anything.
        anything = any(whole for whole, _, phrase, _ in fits if ANY in phrase)
        meant = {id(option) for whole, _, phrase, option in fits if whole and ANY not in phrase}
        # A longer way to say the same ("yes", "yes that's right") is not worth waiting for.
        longer = any(goes_on and {id(option)} != meant for _, goes_on, _, option in fits)
        whole = bool(meant)
        if isinstance(self._wants, Digits | Number):
            typed_whole, typed_longer = self._typed_fit(heard)
            whole, longer = whole or typed_whole, longer or typed_longer
        if isinstance(self._wants, FreeText):
            return Still.COMPLETE if whole and not longer else Still.OPEN
        if whole:
            return Still.EXTENDABLE if longer else Still.COMPLETE
        if anything:
            return Still.OPEN
        return Still.PREFIX if longer else Still.OUTSIDE

    def _typed_fit(self, heard: Phrase) -> tuple[bool, bool]:
        match self._wants:
            case Digits(least, most, _):
                said = entities.digits(heard, self._lexicon)
                if said is None:
                    repeat = heard[-1] in self._lexicon.repeats
                    return False, repeat and entities.digits(heard[:-1], self._lexicon) is not None
                fits = len(said) >= least and (most is None or len(said) <= most)
                return fits, most is None or len(said) < most
            case Number(least, most, _):
                number = entities.number(heard, self._lexicon)
                fits = number is not None and number >= least and (most is None or number <= most)
                return fits, entities.number_goes_on(heard, self._lexicon, most)
            case _:
                return False, False

    def only_fillers(self, heard: Sequence[Word]) -> bool:
        """Whether nothing was said, or only what carries no answer, as a "please" that comes late."""
        return all(word.text in self._lexicon.fillers for word in heard)

    def understand(self, heard: Sequence[Word]) -> Meaning | None:
        """The meaning of an utterance, or None when it is not an answer."""
        if isinstance(self._wants, FreeText):
            return self._free_text([word.text for word in heard])
        sure = [w.text if w.confidence >= SURE else UNKNOWN for w in heard]
        said = entities.bare(sure, self._lexicon)
        if not said:
            return None
        typed = isinstance(self._wants, Digits | Number)
        if typed and self._typed_fit(said)[0] and not _has_gap(sure):
            return Value(self._typed_value(said))
        heard_words = self._with_gaps(sure)
        meaning = spot(heard_words, self._options)
        if meaning is None:
            return spot(entities.figures(heard_words, self._lexicon), self._options)
        return meaning

    def _free_text(self, heard: list[str]) -> Meaning | None:
        said = entities.bare(heard, self._lexicon)
        universal = next((option for p, option in self._options if fit(said, p)[0]), None)
        text = " ".join(word for word in heard if word != UNKNOWN)
        return universal or (Value(text) if text else None)

    def _with_gaps(self, sure: Sequence[str]) -> Phrase:
        """The words for spotting; one unknown sound beside the answer ("[unk] yes") is a breath or
        a hesitation, more of them are speech that was not asked for and stay in the way."""
        said = entities.bare(sure, self._lexicon)
        unknown = sum(1 for word in sure if word == UNKNOWN)
        return said if unknown <= 1 else said + (UNKNOWN,) * unknown

    def _typed_value(self, said: Phrase) -> str | int:
        if isinstance(self._wants, Number):
            number = entities.number(said, self._lexicon)
            return 0 if number is None else number
        return entities.digits(said, self._lexicon) or ""

    # Keys ----------------------------------------------------------------------------------

    def press(self, typed: str) -> Settled | More | None:
        """What the keys pressed so far mean; None: this question has no use for them."""
        match self._wants:
            case Digits(least, most, finish):
                return self._press_digits(typed, least, most, finish)
            case Number(least, most, finish):
                return self._press_number(typed, least, most, finish)
            case Choices():
                return self._press_choice(typed)
            case FreeText():
                return self._press_choice(typed) if self._begins_key(typed[0]) else None

    def _begins_key(self, key: str) -> bool:
        return any(known.startswith(key) for known in self._keys)

    def _press_choice(self, typed: str) -> Settled | More:
        sizes = (size for size in range(len(typed), 0, -1) if typed[:size] in self._keys)
        size = next(sizes, 0)
        meaning, rest = self._keys.get(typed[:size]), typed[size:] if size else ""
        if any(key.startswith(typed) and key != typed for key in self._keys):
            return More(meaning, rest)
        return Settled(meaning, "" if rest == "#" else rest)

    def _press_digits(
        self, typed: str, least: int, most: int | None, finish: str | None
    ) -> Settled | More:
        if not typed[0].isdecimal() and typed[0] != finish and self._begins_key(typed[0]):
            return self._press_choice(typed)
        for at, key in enumerate(typed):
            if key == finish:
                return Settled(Value(typed[:at]) if at >= least else None, typed[at + 1 :])
            if not key.isdecimal():
                return Settled(None)
            if at + 1 == most:
                return Settled(Value(typed[: at + 1]), typed[at + 1 :])
        return More(Value(typed) if len(typed) >= least else None)

    def _press_number(
        self, typed: str, least: int, most: int | None, finish: str | None
    ) -> Settled | More:
        longest = None if most is None else len(str(most))
        result = self._press_digits(typed, 1, longest, finish)
        if isinstance(result.meaning, Value):
            number = int(result.meaning.value)
            fits = number >= least and (most is None or number <= most)
            value = Value(number) if fits else None
            if isinstance(result, More) and most is not None and number * 10 > most:
                return Settled(value)
            return More(value) if isinstance(result, More) else Settled(value, result.rest)
        return result


def _has_gap(heard: Sequence[str]) -> bool:
    """Whether something between the first and the last word was not understood: a digit may be
    missing there."""
    known = [at for at, word in enumerate(heard) if word != UNKNOWN]
    return bool(known) and UNKNOWN in heard[known[0] : known[-1]]
