"""English: the words of dates, times, money, letters and of yes and no.

Knows words and templates only.  Must not know how they are read or said.
"""

from __future__ import annotations

from typing import Final

from voicebot.flow.answers import DIGIT_NAMES
from voicebot.flow.spoken.language import Currency, Dates, Language, Letters, Money, Names, Times
from voicebot.flow.spoken.numbers import in_words

_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_TEENS: Final = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
)


def _number(value: int) -> str:
    return in_words(value, "en")


def _ordinal(value: int) -> str:
    return in_words(value, "en", "spellout-ordinal")


def _year(year: int) -> tuple[str, ...]:
    """ "twenty twenty seven", "two thousand twenty seven"; 2000 to 2009 the other way round."""
    century, rest = divmod(year, 100)
    tail = "hundred" if rest == 0 else f"oh {_number(rest)}" if rest in _ONES else _number(rest)
    pairs, long = f"{_number(century)} {tail}", _number(year)
    with_and = long.replace("thousand ", "thousand and ")
    if century == _TWENTY and (rest == 0 or rest in _ONES):
        return (long, with_and, pairs)
    return (pairs, long, with_and)


_ONES: Final = range(1, 10)
_TWENTY: Final = 20


def _numbers(*values: int) -> Names:
    return {value: (_number(value),) for value in values}


_DATES: Final = Dates(
    weekdays={n: (name,) for n, name in enumerate(
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(), 1)},
    months={n: (name,) for n, name in enumerate(
        ("January February March April May June July August September October November "
         "December").split(), 1)},
    days={n: (_ordinal(n),) for n in range(1, 32)},
    years={n: _year(n) for n in range(1900, 2100)},
    counts={1: ("one", "a"), 2: ("two", "a couple of"), **_numbers(*range(3, 15), 21, 30)},
    units={1: ("days", "day"), 7: ("weeks", "week")},
    relative={0: ("today", "tonight"), 1: ("tomorrow",), 2: ("the day after tomorrow",),
              -1: ("yesterday",), -2: ("the day before yesterday",)},
    lead="[on|for]",
    heard={
        "<relative>": {},
        "<weekday>": {},
        "next <weekday>": {"week": 1},
        "<weekday> next week": {"week": 1},
        "next week [on] <weekday>": {"week": 1},
        "this [coming] <weekday>": {"week": 0},
        "[the] coming <weekday>": {},
        "last <weekday>": {"last": 1},
        "[<weekday>] [the] <day> of <month> [<year>]": {},
        "[<weekday>] <month> [the] <day> [<year>]": {},
        "<month> <number> [<year>]": {},
        "[<weekday>] [the] <day>": {},
        "[<weekday>] the <day> of this month": {"months": 0},
        "[<weekday>] the <day> of next month": {"months": 1},
        "in <count> <unit>": {},
        "<count> <unit> from (now|<relative>|<weekday>)": {},
        "<weekday> week": {"count": 1, "unit": 7},
        "<count> <unit> ago": {"ago": 1},
    },
    typed={
        "[<weekday>] [the] <day> <month> [<year>]": {},
        "[<weekday>] <number> [of] <month> [<year>]": {},
        "[<weekday>] the <number>": {},
    },
    said="{weekday}, {month} {day}",
    said_with_year="{weekday}, {month} {day}, {year}",
    numeric=("<month> [slash] <day>",),
    ordinal_suffixes=("st", "nd", "rd", "th"),
)  # fmt: skip

_TIMES: Final = Times(
    hours=_numbers(*range(25)),
    minutes={**{n: (f"oh {_number(n)}", f"o {_number(n)}", f"zero {_number(n)}")
                for n in range(1, 10)},
             **_numbers(*range(10, 60)), 0: ("hundred", "hundred hours", "oh oh")},
    spans={**_numbers(*range(1, 30)), 15: ("quarter", "a quarter", "fifteen")},
    parts={0: ("A M", "in the morning", "this morning", "morning", "am"),
           12: ("P M", "in the afternoon", "in the evening", "this afternoon", "this evening",
                "afternoon", "evening", "tonight", "pm"),
           18: ("at night",)},
    fixed={720: ("noon", "twelve noon", "midday"), 0: ("midnight", "twelve midnight")},
    lead="[at|around|about|for]",
    heard={
        "<fixed>": {},
        "<hour> [<minute>]": {},
        "<twelve> <minute> <part>": {},
        "<twelve> [o'clock] [<part>]": {},
        "half past <twelve> [<part>]": {"minute": 30},
        "<past> [minutes] (past|after) <twelve> [<part>]": {},
        "<to> [minutes] (to|before|till|of) <twelve> [<part>]": {},
        "<part> at <twelve> [<minute>]": {},
        "<part> at half past <twelve>": {"minute": 30},
    },
    typed={
        "<hour> [[point] <minute>] (<part>|o'clock)": {},
        "<hour> point <minute>": {},
        "half <twelve>": {"minute": 30},
    },
    behind_written=r"\s?o['’]clock\b",
    said=(*(("{twelve} A M", "{twelve} {minute} A M"),) * 12,
          *(("{twelve} P M", "{twelve} {minute} P M"),) * 12),
)  # fmt: skip

_MONEY: Final = Money(
    currencies={
        "USD": Currency("one dollar", "dollars", "one cent", "cents", ("bucks", "buck"), "$"),
        "EUR": Currency("one euro", "euros", "one cent", "cents", (), "€"),
        "GBP": Currency("one pound", "pounds", "one penny", "pence", ("quid",), "£"),
        "CHF": Currency("one franc", "francs", "one rappen", "rappen", ("swiss francs",), "CHF"),
        "CAD": Currency("one dollar", "dollars", "one cent", "cents", (), "CA$"),
        "AUD": Currency("one dollar", "dollars", "one cent", "cents", (), "A$"),
        "INR": Currency("one rupee", "rupees", "one paisa", "paise", (), "₹"),
        "MXN": Currency("one peso", "pesos", "one centavo", "centavos", (), "MX$"),
        "JPY": Currency("one yen", "yen", symbol="¥"),
    },
    lead="[about|around|for]",
    heard={
        "<units>": {},
        "<subunits> <subunit>": {},
        "<units> <unit>": {},
        "<units> <unit> [and] <subunits> [<subunit>]": {},
        "<units> [and] <subunits> <subunit>": {},
        "<units> <cents>": {},
        "<units> <unit> <cents>": {},
        "<units> point <places> [<unit>]": {},
        "<units> and a half [<unit>]": {"cents": 50},
    },
    typed={},
    joined=" and ",
    cents={**{n: (f"oh {_number(n)}", f"zero {_number(n)}") for n in range(1, 10)},
           **_numbers(*range(10, 100))},
    places={**{10 * n: (_number(n), f"{_number(n)} zero") for n in range(1, 10)},
            **{n: (f"{_number(n // 10)} {_number(n % 10)}",) for n in range(1, 100) if n % 10},
            0: ("zero", "zero zero")},
)  # fmt: skip

_NATO: Final = (
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar "
    "papa quebec romeo sierra tango uniform victor whiskey x-ray yankee zulu"
).split()
_OTHER_WORDS: Final = (
    "adam boy cat dog edward frank george henry ida john king larry mary nancy ocean peter queen "
    "robert sam tom union victor william xray young zebra apple baker david easy harry lincoln "
    "paul roger sugar thomas alfa juliett whisky"
).split()

_LETTERS: Final = Letters(
    names={**{letter: (letter,) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
           "W": ("W", "double u"), "Z": ("Z", "zee", "zed")},
    words={letter.upper(): tuple(w for w in (*_NATO, *_OTHER_WORDS) if w[0] == letter)
           for letter in "abcdefghijklmnopqrstuvwxyz"},
    such_as=("as in", "for", "like", "as"),
    silent=("capital", "letter", "dash", "hyphen"),
    ignored=("small", "minus", "space", "dot", "slash", "number", "and", "then", "at",
             "underscore"),
    marks={"-": "dash", ".": "dot", "/": "slash", "@": "at", "_": "underscore"},
)  # fmt: skip

ENGLISH: Final = Language(
    tag="en-US",
    code="en",
    currency="USD",
    digits={**{name: str(n) for n, name in enumerate(DIGIT_NAMES)}, "oh": "0", "o": "0"},
    sounds_like={"to": "two", "too": "two", "for": "four", "won": "one", "ate": "eight"},
    repeats={"double": 2, "triple": 3},
    number_words=(*DIGIT_NAMES, *_TEENS, *_TENS, "hundred", "thousand", "million", "and", "a"),
    yes=("yes", "yeah", "yep", "yup", "sure", "correct", "right", "ok", "okay", "absolutely",
         "definitely", "certainly", "exactly", "of course", "sure thing", "yes it is", "yes sir",
         "[(yes|yeah|yep)] (that's|that is) (right|correct)", "(yes|yeah) that's fine",
         "yes (i do|i would|i am|we do)",
         "(yes|yeah|yep) (thanks|thank you|sure|okay|right|correct|absolutely|definitely|of course)"),
    no=("no", "nope", "no thanks", "no thank you", "wrong", "incorrect", "not really", "not at all",
        "[no] (certainly|definitely|absolutely) not", "of course not", "no (not really|not at all)",
        "[(no|nope)] (that's|that is) (wrong|incorrect)", "no it is not", "no it's not",
        "no it isn't", "[no] (that's|that is|it's|it is) not (right|correct)",
        "not (right|correct)", "[no] (that|it) isn't (right|correct)",
        "no (i|we) don't", "no i do not", "[no] i don't think so", "no way"),
    fillers=frozenset({"uh", "um", "er", "eh", "hmm", "please"}),
    lead_ins=(("i'd", "like", "to"), ("i", "would", "like", "to"), ("i", "want", "to"),
              ("i", "need", "to"), ("i'd", "like"), ("i", "would", "like"), ("i", "want"),
              ("i", "need")),
    corrections=(("no", "i", "said"), ("no", "i", "mean"), ("no", "i", "meant"),
                 ("no", "make", "it"), ("no", "make", "that"), ("no", "it's"), ("no", "sorry"),
                 ("no", "wait"), ("sorry", "i", "meant"), ("sorry", "i", "mean"), ("i", "said"),
                 ("i", "mean"), ("i", "meant"), ("make", "it"), ("make", "that"),
                 ("no",), ("nope",), ("sorry",), ("actually",), ("wait",), ("rather",)),
    dates=_DATES,
    times=_TIMES,
    money=_MONEY,
    letters=_LETTERS,
    small_words=("and", "a"),
    one_words=("a",),
    and_words=("and",),
    seldom=frozenset(
        "midday buck hyphen zee zed alfa edward ida juliett larry lincoln roger whisky xray zebra "
        "quid".split()
    ),
)  # fmt: skip
