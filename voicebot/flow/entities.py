"""Typed values in words: digits, numbers, yes and no, and the small words around them.

Knows, for each language, the words for these and how they combine.  Must not know questions or
keys.  A language is one `Lexicon`; adding one is adding its data (numbers come from text2num, which
speaks several languages; strings of digits are ours).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from text_to_num import text2num

from voicebot.flow.answers import DIGIT_NAMES, UNKNOWN, Phrase


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """What a language calls things.  Templates are written as in a flow's `answers:`."""

    code: str
    """Of text2num."""
    digits: Mapping[str, str]
    """Word → digit."""
    sounds_like: Mapping[str, str]
    """Word → the digit's name that it is heard for, where a question wants figures."""
    repeats: Mapping[str, int]
    """Word that says the next digit several times → how often."""
    number_words: tuple[str, ...]
    """Every word of which a number is made."""
    yes: tuple[str, ...]
    no: tuple[str, ...]
    fillers: frozenset[str]
    """Words that carry no answer."""
    lead_ins: tuple[Phrase, ...]
    """What people say before the answer, longest first."""


_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_TEENS: Final = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
)

ENGLISH: Final = Lexicon(
    code="en",
    digits={**{name: str(n) for n, name in enumerate(DIGIT_NAMES)}, "oh": "0", "o": "0"},
    sounds_like={"to": "two", "too": "two", "for": "four", "won": "one", "ate": "eight"},
    repeats={"double": 2, "triple": 3},
    number_words=(*DIGIT_NAMES, *_TEENS, *_TENS, "hundred", "thousand", "million", "and", "a"),
    yes=("yes", "yeah", "yep", "yup", "sure", "correct", "right", "ok", "okay",
         "that's (right|correct)", "yes it is", "yes (that's|that is) (right|correct)"),
    no=("no", "nope", "no thanks", "no thank you", "wrong", "incorrect", "that's wrong",
        "no (that's|that is) wrong", "no it is not", "no it's not"),
    fillers=frozenset({"uh", "um", "er", "eh", "hmm", "please"}),
    lead_ins=(("i'd", "like", "to"), ("i", "would", "like", "to"), ("i", "want", "to"),
              ("i", "need", "to"), ("i'd", "like"), ("i", "would", "like"), ("i", "want"),
              ("i", "need")),
)  # fmt: skip

_LEXICONS: Final = {"en": ENGLISH}


def lexicon(language: str) -> Lexicon | None:
    """The words of a language such as "en-US"; None for one that is not known here."""
    return _LEXICONS.get(language.partition("-")[0].lower())


def bare(heard: Sequence[str], words: Lexicon) -> Phrase:
    """The heard words without fillers, unknown words and what leads in to the answer."""
    kept = tuple(w for w in heard if w != UNKNOWN and w not in words.fillers)
    for lead in words.lead_ins:
        if kept[: len(lead)] == lead and len(kept) > len(lead):
            return kept[len(lead) :]
    return kept


def figures(heard: Phrase, words: Lexicon) -> Phrase:
    """The heard words with those that only sound like a figure as that figure: where an answer such
    as "talk to sales" is expected too, "two" may be heard as "to"."""
    return tuple(words.sounds_like.get(word, word) for word in heard)


def digits(heard: Phrase, words: Lexicon) -> str | None:
    """The string of digits that was said ("oh seven double four" → "0744"), else None."""
    said, times = "", 1
    for word in figures(heard, words):
        if word in words.repeats and times == 1:
            times = words.repeats[word]
        elif word in words.digits:
            said += words.digits[word] * times
            times = 1
        else:
            return None
    return said if said and times == 1 else None


def number(heard: Phrase, words: Lexicon) -> int | None:
    """The whole number that was said ("twenty five", or digit by digit "two five"), else None."""
    natural = _natural_number(heard, words)
    if natural is not None:
        return natural
    spelled = digits(heard, words)
    return None if spelled is None else int(spelled)


def number_goes_on(heard: Phrase, words: Lexicon, most: int | None) -> bool:
    """Whether more words could make another number of at most `most`, said the natural way."""
    if heard[-1:] == ("and",):
        return _natural_number(heard[:-1], words) is not None
    return any(
        longer is not None and (most is None or longer <= most)
        for longer in (_natural_number((*heard, word), words) for word in words.number_words)
    )


@lru_cache(maxsize=4096)
def _natural_number(heard: Phrase, words: Lexicon) -> int | None:
    heard = figures(heard, words)
    if not heard or any(word not in words.number_words for word in heard):
        return None
    if heard in (("a",), ("and",)):
        return None  # small words of numbers, not numbers
    said = ("one", *heard[1:]) if heard[0] == "a" else heard
    try:
        return int(text2num(" ".join(said), words.code))
    except ValueError:
        return None
