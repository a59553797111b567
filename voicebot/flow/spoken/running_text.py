"""Figures in running text, as words: "10:00", "2027-03-01", "$42.50", "555-1234", "1st", "25%".

Knows how figures are written and which kind of value each form is.  Must not know markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from voicebot.flow.spoken.language import Language
from voicebot.flow.spoken.numbers import in_words
from voicebot.flow.spoken.say import say

LONGEST_NUMBER: Final = 6
"""A run of more figures, or one that begins with a zero, is a code and read figure by figure."""
LONGEST_CODE_NUMBER: Final = 2
"""The same beside letters: "B12" is B twelve, "A380" A three eight zero."""

_HAS_FIGURE: Final = re.compile(r"\d")
_DATE: Final = r"(?P<date>\d{4}-(?:0\d|1[0-2])-[0-3]\d)(?:T(?P<at>\d\d:\d\d)(?::\d\d)?\b)?"
_TIME: Final = (
    r"(?P<time>(?:[01]?\d|2[0-3]):[0-5]\d)(?::[0-5]\d)?(?!\d)"
    r"(?:\s?(?P<half>[ap])\.?m\b\.?(?!\w))?"
)
_HOUR: Final = r"(?P<hour>1[0-2]|0?[1-9])\s?(?P<hour_half>[ap])\.?m\b\.?(?!\w)"
_PHONE: Final = (
    r"(?P<phone>\+\d[\d \-/.()]{5,18}\d"
    r"|(?:\+?1[ \-.])?(?:\(\d{3}\) ?|\d{3}[ \-.])\d{3}[\-. ]\d{4}|\d{3}-\d{4})(?![\w-])"
)
_CODE: Final = r"(?P<code>(?=\w*[^\W\d_])(?=\w*\d)[^\W_]+)"


def in_running_text(text: str, language: Language) -> str:
    """The text with its figures in words; without figures it is untouched."""
    if not _HAS_FIGURE.search(text):
        return text
    return _pattern(language).sub(lambda match: _words(match, language), text)


@lru_cache(maxsize=16)
def _pattern(language: Language) -> re.Pattern[str]:
    mark = re.escape(language.point_mark)
    comma = re.escape("," if language.point_mark == "." else ".")
    number = rf"(?:\d{{1,3}}(?:{comma}\d{{3}})+|\d+)(?:{mark}\d+)?"
    units = "|".join(sorted(map(re.escape, _units(language)), key=len, reverse=True))
    money = (
        rf"(?P<unit>{units})\s?(?P<sum>-?{number})(?!\w)"
        rf"|(?P<sum_first>(?<!\w)-?{number})\s?(?P<unit_behind>{units})(?!\w)"
    )
    percent = rf"(?P<percent>-?{number})\s?%"
    ordinal = rf"(?P<ordinal>\d+){language.written_ordinal}"
    plain = rf"(?P<minus>(?<![\w)])[-−])?(?P<number>{number})(?!\w)"
    time = rf"{_TIME}(?:{language.times.behind_written})?"
    forms = (_DATE, time, _HOUR, _PHONE, money, percent, ordinal, _CODE, plain)
    return re.compile(r"(?<!\w)(?:" + "|".join(forms) + ")", re.IGNORECASE)


@lru_cache(maxsize=16)
def _units(language: Language) -> dict[str, str]:
    """Written unit → currency: "$", "USD"; of several that share one, the language's own."""
    known = language.money.currencies
    own = {c: known[c] for c in (language.currency,) if c in known}
    units = {unit.symbol: code for code, unit in reversed(({**own, **known}).items())}
    units |= {unit.symbol: code for code, unit in own.items()}
    return {**units, **{code: code for code in known}}


def _words(match: re.Match[str], language: Language) -> str:
    found = {name: text for name, text in match.groupdict().items() if text is not None}
    kind = next(name for name in (*_SAID, "number") if name in found)
    try:
        return _SAID[kind](found, language)
    except ValueError:  # looks like it, but is none: "2027-02-31"
        return match[0]


def _date(found: dict[str, str], language: Language) -> str:
    said = say(language, "date", found["date"])
    return f"{said}, {say(language, 'time', found['at'])}" if "at" in found else said


def _time(found: dict[str, str], language: Language) -> str:
    hour, _, minute = found["time"].partition(":")
    return say(language, "time", f"{_hour(int(hour), found.get('half')):02}:{minute}")


def _full_hour(found: dict[str, str], language: Language) -> str:
    hour = _hour(int(found["hour"]), found["hour_half"])
    return say(language, "time", f"{hour:02}:00")


def _hour(hour: int, half: str | None) -> int:
    if half is None or hour > 12:  # noqa: PLR2004 - a clock has twelve
        return hour
    return hour % 12 + (12 if half.lower() == "p" else 0)


def _money(found: dict[str, str], language: Language) -> str:
    written, total = found.get("unit"), found.get("sum")
    if written is None or total is None:
        written, total = found["unit_behind"], found["sum_first"]
    units = {name.upper(): code for name, code in _units(language).items()}
    return say(language, "money", _plain_number(total, language), units[written.upper()])


def _percent(found: dict[str, str], language: Language) -> str:
    number = say(language, "number", _plain_number(found["percent"], language))
    return f"{number} {language.percent}"


def _number(found: dict[str, str], language: Language) -> str:
    written = found["number"]
    sign = f"{language.minus} " if "minus" in found else ""
    if written.isdecimal() and _is_code(written, LONGEST_NUMBER):
        return sign + say(language, "digits", written)
    return sign + say(language, "number", _plain_number(written, language))


def _code(found: dict[str, str], language: Language) -> str:
    """ "A4", "4x4": letters as they are, figures in words."""
    parts = re.findall(r"\d+|\D+", found["code"])
    return " ".join(_code_part(part, language) for part in parts)


def _code_part(part: str, language: Language) -> str:
    if not part.isdecimal():
        return part
    return say(language, "digits" if _is_code(part, LONGEST_CODE_NUMBER) else "number", part)


def _is_code(figures: str, longest: int) -> bool:
    return len(figures) > longest or (len(figures) > 1 and figures.startswith("0"))


def _plain_number(written: str, language: Language) -> str:
    comma = "," if language.point_mark == "." else "."
    return written.replace(comma, "").replace(language.point_mark, ".")


def _ordinal(found: dict[str, str], language: Language) -> str:
    return in_words(int(found["ordinal"]), language.code, language.ordinal_rules)


_SAID: Final[dict[str, Callable[[dict[str, str], Language], str]]] = {
    "date": _date,
    "time": _time,
    "hour": _full_hour,
    "phone": lambda found, language: say(language, "phone", found["phone"]),
    "sum": _money,
    "sum_first": _money,
    "percent": _percent,
    "ordinal": _ordinal,
    "code": _code,
    "number": _number,
}
