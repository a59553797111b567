"""What a question expects to hear, and what it makes of what it heard.

Knows a question together with the universals that are heard in it, and the other slots of its form:
the words for the recogniser, what the words so far may still become (for endpointing), and the
meaning of the final words or of pressed keys.  Must not know attempts, prompts, timers or the call.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final

from voicebot.flow import bands
from voicebot.flow.answers import UNKNOWN, Alternative, Claim, Still, Word, either, words
from voicebot.flow.bands import Bands
from voicebot.flow.correcting import is_bare_number, is_doubtful
from voicebot.flow.filling import Cut, Cutter, Slot
from voicebot.flow.heard import Heard, gapless, surety, within
from voicebot.flow.heard import kept as kept_words
from voicebot.flow.keypad import LEAST_PHONE_DIGITS, Entry, entry_of
from voicebot.flow.linking import Linking, linking
from voicebot.flow.meaning import Filled, Meaning, More, Settled, Value
from voicebot.flow.model import (
    Amount,
    Choice,
    Choices,
    Date,
    Digits,
    FreeText,
    Phone,
    Question,
    Spelling,
    Universal,
    Wants,
)
from voicebot.flow.options import Options
from voicebot.flow.spoken import Language, language_of
from voicebot.flow.typed import Typed, typed_of
from voicebot.flow.weighing import Chance, Reading, weighed
from voicebot.flow.wording import Confirming, Wording

__all__ = ["Expectation", "Filled", "Meaning", "More", "Settled", "Value"]

STRANGE_WORDS: Final = 2
"""A value counts amid so many words that nobody asked for, and as many more as it has itself."""


class Expectation:
    """One question's ears.  Built when the flow is loaded; holds no state of a call.

    Args:
        universals: heard beside the question's own answers.
        others: the other slots of a form; for its confirmation all of them.
    """

    def __init__(
        self,
        question: Question,
        universals: Sequence[Universal],
        language: Language,
        *,
        others: Sequence[Question] = (),
    ) -> None:
        # A large flow has thousands of these, most of them never asked: all else is made when it
        # is first wanted.
        self._question = question
        self._wants = question.wants
        self._universals = tuple(universals)
        self._language = language
        self._others = tuple(others)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled as what it was made of: a flow may be proved in another process."""
        return _made_again, (self._question, self._universals, self._language.tag, self._others)

    def prepare(self) -> None:
        """Make now what is otherwise made when the question is first asked: up to a tenth of a
        second for the first form of a process, which no other call should wait for."""
        self.still("")
        _ = self._vocabulary, self._entry, self._cutter

    # What is made of the question -------------------------------------------------------------

    @cached_property
    def _choices(self) -> tuple[Choice, ...]:
        return self._wants.choices if isinstance(self._wants, Choices) else ()

    @cached_property
    def _options(self) -> Options:
        # Where two are alike, the question's own wins.
        return Options((*self._choices, *self._universals), self._language)

    @cached_property
    def _beside(self) -> Options:
        """Options that are not values of a slot as well."""
        if not self._others or self._options.open_ended:
            return self._options
        return Options(self._universals, self._language)

    @cached_property
    def _entry(self) -> Entry | None:
        day_first = self._language.dates.numeric[0].startswith("<day>")
        return entry_of(self._wants, day_first=day_first)

    @property
    def _confirms(self) -> bool:
        """Whether it is the confirmation of a form."""
        return bool(self._others) and self._question.to is None

    @property
    def _takes_anything(self) -> bool:
        return isinstance(self._wants, FreeText)

    @cached_property
    def _linking(self) -> Linking:
        return linking(self._language.tag)

    @cached_property
    def _slots(self) -> tuple[Slot, ...]:
        """What an utterance may fill with values, the asked one first."""
        asked_too = self._others or not self._choices
        questions = [self._question] if asked_too else []
        # A "yes" or "no" is the answer to what was asked, never to something else.
        questions += [other for other in self._others if not _is_yes_no(other)]
        found = []
        for question in questions:
            typed = typed_of(question.wants, self._language)
            if typed is not None:
                shy = self._numerals if isinstance(question.wants, Date) else frozenset[str]()
                content = self._content(question, typed)
                found.append(Slot(question.to or "", type(question.wants), typed, content, shy))
        return tuple(found)

    def _content(self, question: Question, typed: Typed) -> frozenset[str]:
        """The words that values of a type are made of; one too many of them is a doubt."""
        if isinstance(question.wants, Choices):
            return frozenset()
        spoken = set(" ".join(typed.phrases).split())
        if isinstance(question.wants, Amount):  # "five euros" are not five dollars
            for currency in self._language.money.currencies.values():
                spoken.update(words(f"{currency.one} {currency.many}"))
        return frozenset(spoken) - self._linking.leads - self._language.fillers

    @cached_property
    def _numerals(self) -> frozenset[str]:
        language = self._language
        return frozenset({*language.number_words, *language.digits}) | self._linking.leads

    @cached_property
    def _cutter(self) -> Cutter:
        language = self._language
        names = {slot.name for slot in self._slots}
        asked = self._question.to or ""
        return Cutter(
            self._slots,
            asked if asked in names else None,
            self._linking,
            language.corrections,
            frozenset(language.sounds_like),
            alone=not self._others,
        )

    @cached_property
    def _open(self) -> frozenset[str]:
        """The slots that have no value yet, when a form asks one after the other."""
        if self._question.to is None:
            return frozenset()
        later = (other for other in self._others if other.mark > self._question.mark)
        return frozenset({self._question.to, *(other.to or "" for other in later)})

    # The recogniser's words -------------------------------------------------------------------

    @cached_property
    def grammar(self) -> tuple[str, ...] | None:
        """Phrases for the recogniser; None: anything may be said."""
        if self._takes_anything or self._options.open_ended:
            return None
        answers = [phrase for phrase, _ in self._options.phrases]
        language, linking = self._language, self._linking
        if self._confirms:
            values = tuple(slot for slot in self._slots if slot.name)
            return Confirming(answers, values, language.corrections, language, linking).phrases()
        corrections = language.corrections if self._others else ()
        plain = self._question.to and not self._others and not _is_yes_no(self._question)
        names = [p for p, one in self._options.phrases if plain and isinstance(one, Choice)]
        return Wording(answers, self._slots, corrections, language, linking, names).phrases()

    @cached_property
    def _vocabulary(self) -> frozenset[str] | None:
        """The words of the grammar; None: all."""
        if self.grammar is None:
            return None
        return frozenset(word for phrase in set(self.grammar) for word in phrase.split())

    # Speech -----------------------------------------------------------------------------------

    def still(
        self, text: str, *, now: datetime | None = None, filled: Collection[str] | None = None
    ) -> Still:
        """What the words so far (a partial result) may still become.

        Args:
            now: decides whether "Tuesday March first" is a day; None: some year's.
            filled: slots that have a value; None: those before the asked one.
        """
        if self._choices and self.grammar is not None and not text:
            return Still.NOTHING
        heard = kept_words([Word(word) for word in text.split()], self._language, bands.SURE_WORD)
        if all(word.text == UNKNOWN for word in heard):
            return Still.OPEN if self._takes_anything else Still.OUTSIDE
        by_options = self._beside.still(gapless(heard))
        if by_options is Still.OUTSIDE and self._beside.spot(gapless(heard)) is not None:
            by_options = Still.ENOUGH  # "the blue one": an answer stands out
        if self._takes_anything:
            return Still.COMPLETE if by_options is Still.COMPLETE else Still.OPEN
        if not self._slots:
            return by_options
        return either(by_options, self._still_values(heard, now, filled))

    def _still_values(
        self, heard: Heard, now: datetime | None, filled: Collection[str] | None
    ) -> Still:
        said, unknown = within(heard)
        before = self._before if filled is None else filled
        cuts = self._cutter.cut(said, now, before, strict=True)
        best = cuts.best
        if best is None or unknown > _most_unknown(best):
            goes_on = cuts.goes_on or self._is_short(heard)
            return Still.PREFIX if goes_on else self._still_amid(heard, now, before)
        if self._confirms and is_bare_number(best, said, self._language):
            return Still.PREFIX
        missing = self._missing(best, filled)
        asked = self._question.to or ""
        if best.corrects and not self._confirms:
            return Still.EXTENDABLE
        if cuts.longer_than(best) & (missing | best.filled.keys() | {asked}):
            in_groups = best.spans[-1].slot.kind in (Digits, Spelling)
            return Still.SERIES if in_groups else Still.EXTENDABLE
        if not missing:
            return Still.COMPLETE
        # "Tuesday at" goes on, and so may a "no" that says what is to be corrected.
        goes_on = best.spans[-1].end < len(said) or self._confirms
        return Still.ENOUGH if asked in best.filled and not goes_on else Still.EXTENDABLE

    def _is_short(self, heard: Heard) -> bool:
        """Whether these are fewer words than the digits or letters that are asked for: one that was
        not understood may be one of them, and what is missing is still to come."""
        least = _least_digits(self._question.wants)
        if len(heard) >= least:
            return False
        return any(word.text in slot.content for slot in self._slots[:1] for word in heard)

    def _still_amid(self, heard: Heard, now: datetime | None, filled: Collection[str]) -> Still:
        """Of an utterance with words that nobody asked for: whether it ends with a value."""
        said, unknown = within(heard)
        best = self._cutter.cut(said, now, filled, strict=False).best
        if best is None or unknown > _most_unknown(best) or best.spans[-1].end < len(said):
            return Still.OUTSIDE
        return Still.EXTENDABLE

    @cached_property
    def _before(self) -> frozenset[str]:
        return frozenset(slot.name for slot in self._slots) - self._open - {""}

    def _missing(self, best: Cut, filled: Collection[str] | None) -> frozenset[str]:
        """Slots that the caller may go on to fill."""
        names = frozenset(slot.name for slot in self._slots)
        if not self._others:
            return frozenset()
        if self._question.to is None:  # behind a "no" may come what is to be corrected
            only_no = [span.value for span in best.spans] == [False]
            return names - {""} if only_no else frozenset()
        still_open = self._open if filled is None else names - frozenset(filled)
        return (still_open & names) - best.filled.keys()

    def only_fillers(self, heard: Sequence[Word]) -> bool:
        """Whether nothing was said, or only what carries no answer, as a "please" that comes late."""
        return all(word.text in self._language.fillers for word in heard)

    def claim(self, text: str, *, filled: Collection[str] | None = None) -> Claim:
        """Whom these words (of a partial result, too) are for.

        Args:
            filled: as for `still`.
        """
        heard, vocabulary = text.split(), self._vocabulary
        known = [word for word in heard if word != UNKNOWN]
        if vocabulary is not None:
            known = [word for word in known if word in vocabulary]
        said = [word for word in known if word not in self._language.fillers]
        if not said:
            return Claim.HESITATION if known else Claim.NONE
        still = self.still(text, filled=filled)
        if still not in (Still.NOTHING, Still.OUTSIDE, Still.OPEN):
            return Claim.ANSWER
        # One is what noises are heard as; other talk is heard as some amid unknown sounds.
        if len(said) == 1 or len(heard) > len(known) + 1:
            return Claim.HESITATION
        return Claim.ANSWER if still is Still.OPEN else Claim.WORDS

    def understand(
        self,
        heard: Sequence[Word],
        now: datetime,
        filled: Collection[str] = (),
        alternatives: Sequence[Alternative] = (),
        chance: Chance = lambda _: 1.0,
    ) -> Meaning | None:
        """The meaning of an utterance, or None when it is not an answer.

        Args:
            filled: slots of the form that already have a value.
            alternatives: all ways to hear it; none: as it was heard is all there is.
            chance: what else is known of a meaning.
        """
        if not alternatives:
            return self._read(heard, now, filled)
        return weighed(self.readings(alternatives, now, filled), chance, self.bands)

    @property
    def bands(self) -> Bands:
        """How sure an answer to this question has to be."""
        if self._confirms:
            return bands.CORRECTIONS
        is_string = isinstance(self._wants, Digits | Phone | Spelling)
        return bands.STRINGS if is_string and not self._others else bands.ANSWERS

    def readings(
        self, alternatives: Sequence[Alternative], now: datetime, filled: Collection[str] = ()
    ) -> list[Reading]:
        """What each way to hear an utterance means, and how probable that is."""
        found = []
        for one in alternatives:
            meaning = self._read(tuple(map(Word, one.words)), now, filled)
            nonsense = meaning is None and UNKNOWN not in one.words
            share = one.probability * bands.NONSENSE if nonsense else one.probability
            found.append((meaning, share))
        whole = sum(share for _, share in found) or 1.0
        return [(meaning, share / whole) for meaning, share in found]

    def _read(
        self, heard: Sequence[Word], now: datetime, filled: Collection[str]
    ) -> Meaning | None:
        """What these words mean."""
        kept = kept_words(heard, self._language, bands.SURE_WORD)
        if self._confirms and self._hardly_corrects(heard, now, filled):
            return None
        meaning = self._likely(heard, now, filled) or self._values(kept, now, filled, strict=True)
        if meaning is not None:
            return meaning
        if self._takes_anything:
            return self._free_text([word for word in heard if word.text != UNKNOWN])
        if self._others:  # a value counts for more than the "no" before it
            exact = self._beside.exact(gapless(kept))
            return exact or self._values(kept, now, filled, strict=False) or self._spotted(kept)
        return self._spotted(kept) or self._values(kept, now, filled, strict=False)

    def _likely(
        self, heard: Sequence[Word], now: datetime, filled: Collection[str]
    ) -> Meaning | None:
        """What a form's answer means if its unsure words are right; None: it is better without.

        A digit is never guessed: any other would make as much sense.
        """
        kept = kept_words(heard, self._language, bands.LIKELY_WORD)
        unsure = [word.text for word in kept if word.confidence < bands.SURE_WORD]
        if not self._others or not unsure or len(unsure) * 2 > len(kept) or UNKNOWN in unsure:
            return None
        meaning = self._values(kept, now, filled, strict=True)
        if not isinstance(meaning, Filled):
            return None
        kinds = {slot.kind for slot in self._slots if slot.name in meaning.values}
        return None if kinds & {Digits, Phone, Spelling} else meaning

    def _hardly_corrects(
        self, heard: Sequence[Word], now: datetime, filled: Collection[str]
    ) -> bool:
        """Whether something is said to a confirmation that may be a correction, or may be a yes or
        no that was misheard: to ask again costs less than a value that is changed, or all of them."""
        kept = kept_words(heard, self._language, bands.LIKELY_WORD)
        said, _ = within(kept)
        best = self._cutter.cut(said, now, filled, strict=False).best
        return best is not None and is_doubtful(best, kept, self._language)

    def _free_text(self, known: Sequence[Word]) -> Meaning | None:
        bare = tuple(
            word.text
            for word in kept_words(
                [Word(word.text) for word in known], self._language, bands.SURE_WORD
            )
        )
        universal = self._options.exact(bare)
        if universal is not None or not known:
            return universal
        value = Value(" ".join(word.text for word in known), surety(known))
        return self._of_slot(value) or value

    def _of_slot(self, value: Value) -> Filled | None:
        """The value as that of the slot that is asked; None: the question stands alone."""
        return Filled({self._question.to: value}) if self._others and self._question.to else None

    def _spotted(self, kept: Heard) -> Meaning | None:
        heard = gapless(kept)
        if all(word == UNKNOWN for word in heard):
            return None
        found = self._options.spot(heard)
        if isinstance(found, Choice):
            return self._of_slot(Value(found.value, surety(kept))) or found
        return found

    def _values(
        self, kept: Heard, now: datetime, filled: Collection[str], *, strict: bool
    ) -> Meaning | None:
        if not self._slots:
            return None
        said, unknown = within(kept)
        if strict and self._takes_anything and unknown:
            return None
        cuts = self._cutter.cut(said, now, filled, strict=strict)
        best = cuts.best
        if best is None or unknown > _most_unknown(best):
            return None
        if best.strange > STRANGE_WORDS + best.covered:
            return None
        begin = next(at for at, word in enumerate(kept) if word.text != UNKNOWN)
        found = {
            name: Value(span.value, surety(kept[begin + span.start : begin + span.end]))
            for name, span in best.filled.items()
        }
        return self._meaning(found, strict=strict)

    def _meaning(self, found: dict[str, Value], *, strict: bool) -> Meaning | None:
        own = self._question.to or ""
        if not self._others:
            return found[own]
        if self._question.to is not None:
            return Filled(found)
        answer = found.pop("", None)
        answers = (choice for choice in self._choices if answer and choice.value == answer.value)
        choice = next(answers, None)
        if found:
            return Filled(found, choice)
        return choice if strict else None  # amid other words it has to stand out: `_spotted`

    # Keys -------------------------------------------------------------------------------------

    def press(self, typed: str, now: datetime) -> Settled | More | None:
        """What the keys pressed so far mean; None: this question has no use for them.

        Args:
            now: chooses the year of a date.
        """
        if not typed:
            return More(None)
        entry = self._entry
        if entry is None:
            known = self._choices or self._options.begins(typed[0])
            return self._options.press(typed) if known else None
        if not entry.takes(typed[0]) and self._options.begins(typed[0]):
            return self._options.press(typed)
        return entry.press(typed, now)


def _is_yes_no(question: Question) -> bool:
    wants = question.wants
    return isinstance(wants, Choices) and any(isinstance(c.value, bool) for c in wants.choices)


def _least_digits(wants: Wants) -> int:
    match wants:
        case Digits() | Spelling():
            return wants.min_length
        case Phone():
            return LEAST_PHONE_DIGITS
        case _:
            return 0


def _most_unknown(cut: Cut) -> int:
    """Unknown sounds beside a value are breath or hesitation; many are speech to somebody else."""
    return max(cut.covered // 2, 1)


def _made_again(
    question: Question, universals: Sequence[Universal], tag: str, others: Sequence[Question]
) -> Expectation:
    language = language_of(tag)
    assert language is not None, "it was known when the flow was read"  # noqa: S101
    return Expectation(question, universals, language, others=others)
