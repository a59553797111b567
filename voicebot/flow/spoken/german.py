"""German: the words of dates, times, money, letters and of yes and no.

Knows words and templates only.  Must not know how they are read or said.
"""

from __future__ import annotations

from typing import Final

from voicebot.flow.spoken.language import Currency, Dates, Language, Letters, Money, Names, Times
from voicebot.flow.spoken.numbers import in_words

_DIGITS: Final = "null eins zwei drei vier fünf sechs sieben acht neun".split()


def _number(value: int) -> str:
    return in_words(value, "de")


def _day(value: int) -> tuple[str, ...]:
    said = in_words(value, "de", "spellout-ordinal")
    return (said, f"{said}n", f"{said}r")


def _year(year: int) -> tuple[str, ...]:
    """Recognisers write long words in pieces, each their own way."""
    whole = in_words(year, "de", "spellout-numbering-year")
    first = "neunzehnhundert" if year < 2000 else "zweitausend"  # noqa: PLR2004 - as people count
    rest = whole.removeprefix(first)
    if not rest:
        return (whole, f"{first[:-7]} {first[-7:]}") if year >= 2000 else (whole,)  # noqa: PLR2004
    pieces = {"neunzehnhundert": "neunzehn hundert", "zweitausend": "zwei tausend"}[first]
    return (whole, f"{first} {rest}", f"{pieces} {rest}", f"{first} und {rest}")


def _numbers(*values: int) -> Names:
    return {value: (_number(value),) for value in values}


_DATES: Final = Dates(
    weekdays={n: (name,) for n, name in enumerate(
        "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag".split(), 1)}
        | {6: ("Samstag", "Sonnabend")},
    months={n: (name,) for n, name in enumerate(
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
        .split(), 1)} | {1: ("Januar", "Jänner"), 2: ("Februar", "Feber"), 6: ("Juni", "Juno"),
                         7: ("Juli", "Julei")},
    days={n: _day(n) for n in range(1, 32)},
    years={n: _year(n) for n in range(1900, 2100)},
    counts={1: ("einem", "einer", "ein", "eine"), **_numbers(*range(2, 15), 21, 30)},
    units={1: ("Tagen", "Tag", "Tage"), 7: ("Wochen", "Woche")},
    relative={0: ("heute",), 1: ("morgen",), 2: ("übermorgen",), -1: ("gestern",),
              -2: ("vorgestern",)},
    lead="[am|für|den|der]",
    heard={
        "<relative>": {},
        "[kommenden] <weekday>": {},
        "nächsten <weekday>": {"week": 1},
        "<weekday> nächste woche": {"week": 1},
        "nächste woche [am] <weekday>": {"week": 1},
        "diesen <weekday>": {"week": 0},
        "(letzten|vergangenen) <weekday>": {"last": 1},
        "[<weekday>] [den|der] <day> <month> [<year>]": {},
        "[<weekday>] [den|der] <day>": {},
        "[den] <day> (nächsten|kommenden) monats": {"months": 1},
        "[den] <day> dieses monats": {"months": 0},
        "<weekday> in <count> <unit>": {},
        "in <count> <unit>": {},
        "vor <count> <unit>": {"ago": 1},
    },
    typed={"[<weekday>] [den|der] <number> <month> [<year>]": {}},
    said="{weekday}, der {day} {month}",
    said_with_year="{weekday}, der {day} {month} {year}",
    numeric=("<day> <month>",),
)  # fmt: skip

_TIMES: Final = Times(
    hours={**_numbers(*range(25)), 1: ("ein", "eins")},
    minutes=_numbers(*range(1, 60)),
    spans={**_numbers(*range(1, 30)), 1: ("eine", "eins"), 15: ("viertel", "fünfzehn")},
    parts={0: ("morgens", "früh", "am morgen", "vormittags", "am vormittag", "in der früh"),
           11: ("mittags", "am mittag"),
           12: ("nachmittags", "am nachmittag"),
           15: ("abends", "am abend", "heute abend"),
           18: ("nachts", "in der nacht")},
    fixed={720: ("Mittag", "zwölf Uhr", "zwölf Uhr mittags"),
           0: ("Mitternacht", "null Uhr", "zwölf Uhr nachts", "vierundzwanzig Uhr")},
    lead="[um|gegen|ab|für|so gegen]",
    heard={
        "<fixed>": {},
        "<hour> [uhr] [<part>]": {},
        "<hour> uhr <minute> [<part>]": {},
        "halb <twelve> [uhr] [<part>]": {"to": 30},
        "viertel <twelve> [uhr] [<part>]": {"to": 45},
        "dreiviertel <twelve> [uhr] [<part>]": {"to": 15},
        "<past> [minuten] nach <twelve> [uhr] [<part>]": {},
        "<to> [minuten] vor <twelve> [uhr] [<part>]": {},
        "<past> [minuten] nach halb <twelve> [<part>]": {"to": 30},
        "<to> [minuten] vor halb <twelve> [<part>]": {"minute": -30},
        "<part> um <twelve> [uhr]": {},
        "<part> um <twelve> uhr <minute>": {},
    },
    typed={"<hour> [point] <minute> [uhr] [<part>]": {}},
    behind_written=r"\s?Uhr\b",
    said=tuple(
        ("{hour} Uhr morgens", "{hour} Uhr {minute} morgens") if 1 <= hour < 7  # noqa: PLR2004
        else ("{hour} Uhr", "{hour} Uhr {minute}") for hour in range(24)
    ),
)  # fmt: skip

_MONEY: Final = Money(
    currencies={
        "EUR": Currency("ein Euro", "Euro", "ein Cent", "Cent", ("euros", "cents"), "€"),
        "CHF": Currency("ein Franken", "Franken", "ein Rappen", "Rappen", (), "CHF"),
        "USD": Currency("ein Dollar", "Dollar", "ein Cent", "Cent", (), "$"),
        "GBP": Currency("ein Pfund", "Pfund", "ein Penny", "Pence", (), "£"),
    },
    lead="[etwa|ungefähr|für]",
    heard={
        "<units>": {},
        "<subunits> <subunit>": {},
        "<units> <unit>": {},
        "<units> <unit> [und] <subunits> [<subunit>]": {},
        "<units> komma <places> [<unit>]": {},
    },
    typed={"<units> <cents>": {}, "<units> point <places> [<unit>]": {}},
    joined=" und ",
    cents=_numbers(*range(10, 100)),
    places={**{10 * n: (_number(n), f"{_number(n)} null", _number(10 * n)) for n in range(1, 10)},
            **{n: (f"{_number(n // 10)} {_number(n % 10)}", _number(n))
               for n in range(11, 100) if n % 10},
            **{n: (f"null {_number(n)}",) for n in range(1, 10)},
            0: ("null", "null null")},
)  # fmt: skip

_WORDS: Final = (
    "anton berta cäsar dora emil friedrich gustav heinrich ida julius kaufmann ludwig martha "
    "nordpol otto paula quelle richard samuel theodor ulrich viktor wilhelm xanthippe ypsilon "
    "zacharias ärger ökonom übermut eszett aachen berlin chemnitz düsseldorf essen frankfurt "
    "goslar hamburg ingelheim jena köln leipzig münchen nürnberg offenbach potsdam quickborn "
    "rostock salzwedel tübingen unna völklingen wuppertal xanten zwickau konrad siegfried "
    "nathan jakob zeppelin kaufmann cäsar"
).split()

_LETTERS: Final = Letters(
    names={**{letter: (letter,) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÜ"},
           "Ä": ("Ä", "a umlaut"), "Ö": ("Ö", "o umlaut"), "Ü": ("Ü", "u umlaut"),
           "Y": ("Y", "üpsilon"), "ß": ("Eszett", "scharfes s", "ß")},
    words={letter: tuple(w for w in _WORDS if w[0] == letter.lower() and w != "eszett")
           for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÜ"},
    such_as=("wie", "wie in", "für"),
    silent=("groß", "großes", "klein", "kleines", "buchstabe", "bindestrich", "strich"),
    ignored=("minus", "leerzeichen", "punkt", "schrägstrich", "und", "dann", "at", "unterstrich"),
    marks={"-": "Bindestrich", ".": "Punkt", "/": "Schrägstrich", "@": "at", "_": "Unterstrich"},
)  # fmt: skip

GERMAN: Final = Language(
    tag="de-DE",
    code="de",
    currency="EUR",
    digits={**{name: str(n) for n, name in enumerate(_DIGITS)}, "zwo": "2", "ein": "1"},
    sounds_like={"fünfe": "fünf", "ains": "eins"},
    repeats={"doppel": 2, "doppelt": 2, "zweimal": 2, "dreimal": 3},
    number_words=(*(in_words(n, "de") for n in range(100)), "hundert", "einhundert", "zweihundert",
                  "dreihundert", "vierhundert", "fünfhundert", "sechshundert", "siebenhundert",
                  "achthundert", "neunhundert", "tausend", "eintausend", "zweitausend",
                  "zwo", "ein", "und"),
    yes=("ja", "jawohl", "jo", "jep", "genau", "richtig", "stimmt", "korrekt", "okay", "ok",
         "gern", "gerne", "klar", "sicher", "natürlich", "selbstverständlich", "unbedingt",
         "absolut", "einverstanden", "passt", "in ordnung", "aber ja", "ja ja", "ja doch",
         "ja (gern|gerne|genau|richtig|stimmt|bitte|danke|klar|sicher|natürlich|okay|das passt)",
         "[ja] das (stimmt|passt|ist (richtig|korrekt|so))", "stimmt (so|genau)", "genau (so|das)",
         "na klar", "[aber] (sicher|natürlich|klar) doch", "[ja] auf jeden fall",
         "ja (möchte|will|würde|habe|bin) ich", "sehr gern[e]"),
    no=("nein", "nee", "nö", "ne", "nein danke", "nee danke", "falsch", "nein nein", "aber nein",
        "[nein] (das|es) (stimmt nicht|ist falsch|ist nicht (richtig|korrekt|so)|passt nicht)",
        "[nein] (stimmt|passt) nicht", "nicht (richtig|korrekt|ganz|wirklich)",
        "nein (nicht wirklich|leider nicht|lieber nicht|auf keinen fall|gar nicht|falsch)",
        "nein (möchte|will|habe|bin) ich nicht", "auf keinen fall", "auf gar keinen fall",
        "(natürlich|sicher|bestimmt|leider|lieber|gar|überhaupt) nicht", "keinesfalls",
        "ich glaube nicht", "nicht nötig"),
    fillers=frozenset({"äh", "ähm", "hm", "also", "bitte", "ja also"}),
    lead_ins=(("ich", "hätte", "gerne"), ("ich", "hätte", "gern"), ("ich", "möchte", "gerne"),
              ("ich", "möchte"), ("ich", "will"), ("ich", "brauche"), ("ich", "würde", "gerne")),
    corrections=(("nein", "ich", "meine"), ("nein", "ich", "meinte"), ("nein", "ich", "sagte"),
                 ("nein", "doch"), ("nein", "lieber"), ("ich", "meine"), ("ich", "meinte"),
                 ("nein",), ("nee",), ("doch",), ("sondern",), ("entschuldigung",), ("lieber",),
                 ("moment",)),
    dates=_DATES,
    times=_TIMES,
    money=_MONEY,
    letters=_LETTERS,
    point="Komma",
    point_mark=",",
    percent="Prozent",
    ordinal_rules="spellout-ordinal-n",
    written_ordinal=r"\.(?=\s+(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober"
    r"|November|Dezember|Stock|Etage|Tag|Mal)\b)",
    number_variants={"ein": "eins", "eine": "eins"},
    small_words=("und",),
    and_words=("und",),
)  # fmt: skip
