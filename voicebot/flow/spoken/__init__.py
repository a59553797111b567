"""What people say for dates, times, money, numbers and letters, said and heard from one table.

Knows the languages and which one a tag means.  Must not know questions, keys, calls or engines.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

from voicebot.flow.spoken.english import ENGLISH
from voicebot.flow.spoken.german import GERMAN
from voicebot.flow.spoken.language import Language, bare
from voicebot.flow.spoken.numbers import digits, figures, number, number_goes_on
from voicebot.flow.spoken.spanish import SPANISH

__all__ = [
    "ENGLISH",
    "GERMAN",
    "SPANISH",
    "Language",
    "bare",
    "digits",
    "figures",
    "language_of",
    "number",
    "number_goes_on",
]

_LANGUAGES: Final = {"en": ENGLISH, "de": GERMAN, "es": SPANISH}


@lru_cache(maxsize=64)
def language_of(tag: str) -> Language | None:
    """The words of a language such as "en-US"; None for one that is not known here."""
    code, _, region = tag.partition("-")
    language = _LANGUAGES.get(code.lower())
    if language is None or not region or region.upper() == language.tag.partition("-")[2]:
        return language
    return _in_region(language, region.upper())


_CURRENCIES: Final = {
    "US": "USD", "GB": "GBP", "IE": "EUR", "CA": "CAD", "AU": "AUD", "IN": "INR", "DE": "EUR",
    "AT": "EUR", "CH": "CHF", "LI": "CHF", "ES": "EUR", "MX": "MXN",
}  # fmt: skip
"""By region."""


def _in_region(language: Language, region: str) -> Language:
    currency = _CURRENCIES.get(region, language.currency)
    dates = language.dates
    if language.code == "en":
        dates = replace(dates, numeric=("<day> [slash] <month>",))
    return replace(
        language,
        tag=f"{language.code}-{region}",
        currency=currency,
        dates=dates,
        seldom=frozenset(),  # what models of other regions lack is not known
    )
