"""Numbers and strings of digits: words into figures, and figures into words.

Knows how words of numbers combine: text2num reads them, the CLDR's spell-out rules (unicode-rbnf)
write them, strings of digits are ours.  Must not know dates, times, money or questions.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from text_to_num import text2num
from unicode_rbnf import RbnfEngine

from voicebot.flow.answers import DIGIT_NAMES, Phrase
from voicebot.flow.spoken.language import Language


def figures(heard: Phrase, language: Language) -> Phrase:
    """The heard words with those that only sound like a figure as that figure: where an answer such
    as "talk to sales" is expected too, "two" may be heard as "to"."""
    return tuple(language.sounds_like.get(word, word) for word in heard)


def digits(heard: Phrase, language: Language) -> str | None:
    """The string of digits that was said ("oh seven double four" → "0744"), else None."""
    said, times = "", 1
    for word in figures(heard, language):
        if word in language.repeats and times == 1:
            times = language.repeats[word]
        elif (digit := digit_of(word, language)) is not None:
            said += digit * times
            times = 1
        else:
            return None
    return said if said and times == 1 else None


def digit_of(word: str, language: Language) -> str | None:
    """The digit of a word.  English names are known to every language: `answers.words` writes a
    typed "7" that way."""
    return language.digits.get(word) or _TYPED.get(word)


_TYPED = {name: str(digit) for digit, name in enumerate(DIGIT_NAMES)}


def number(heard: Phrase, language: Language) -> int | None:
    """The whole number that was said ("twenty five", or digit by digit "two five"), else None."""
    natural = natural_number(heard, language)
    if natural is not None:
        return natural
    spelled = digits(heard, language)
    return None if spelled is None else int(spelled)


@lru_cache(maxsize=4096)
def number_goes_on(heard: Phrase, language: Language, most: int | None) -> bool:
    """Whether more words could make another number of at most `most`, said the natural way."""
    if heard[-1:] and heard[-1] in language.and_words:
        return natural_number(heard[:-1], language) is not None
    behind: list[Phrase] = [(word,) for word in language.number_words]
    if heard[-1:] and heard[-1] in language.digits:  # "drei und" is none, "drei und zwanzig" is
        behind += product(language.and_words, language.number_words)
    longer = (natural_number((*heard, *words), language) for words in behind)
    return any(number is not None and (most is None or number <= most) for number in longer)


@lru_cache(maxsize=4096)
def natural_number(heard: Phrase, language: Language) -> int | None:
    """The whole number that was said as people say numbers, else None."""
    heard = figures(heard, language)
    if len(heard) == 1 and heard[0] in language.small_words:
        return None
    if len(heard) > 1 and heard[0] in language.one_words:
        heard = (cardinal(1, language), *heard[1:])
    plain = tuple(language.number_variants.get(word, word) for word in heard)
    if not plain or not all(_of_numbers(word, language) for word in plain):
        return None
    value = _value(" ".join(plain), language)
    return _value(" ".join(heard), language) if value is None else value


@lru_cache(maxsize=4096)
def _of_numbers(word: str, language: Language) -> bool:
    return word in language.number_words or _value(word, language) is not None


def _value(text: str, language: Language) -> int | None:
    try:
        return int(text2num(text, language.code))
    except ValueError:
        return None


# In words --------------------------------------------------------------------------------------


def cardinal(value: int, language: Language) -> str:
    """A whole number in words."""
    return in_words(value, language.code)


@lru_cache(maxsize=4096)
def in_words(value: int, code: str, rules: str = "spellout-numbering") -> str:
    """A whole number in words by a rule set of the CLDR, as a synthesiser reads it best: without
    the hyphens of "twenty-one" and the soft ones of the German rules."""
    text = _rules(code).format_number(value, ruleset_names=[rules]).text
    return text.replace("\xad", "").replace("-", " ")


@lru_cache(maxsize=16)
def _rules(code: str) -> RbnfEngine:
    return RbnfEngine.for_language(code)
