"""Spanish: the words of dates, times, money, letters and of yes and no.

Knows words and templates only.  Must not know how they are read or said.
"""

from __future__ import annotations

from typing import Final

from voicebot.flow.spoken.language import Currency, Dates, Language, Letters, Money, Names, Times
from voicebot.flow.spoken.numbers import in_words

_DIGITS: Final = "cero uno dos tres cuatro cinco seis siete ocho nueve".split()


def _number(value: int) -> str:
    return in_words(value, "es")


def _counted(value: int) -> str:
    return in_words(value, "es", "spellout-cardinal-feminine")


def _numbers(*values: int) -> Names:
    return {value: (_number(value),) for value in values}


def _hour(hour: int) -> tuple[str, ...]:
    article = "la" if hour == 1 else "las"
    return (f"{article} {_counted(hour)}", _counted(hour))


def _said(hour: int) -> tuple[str, str]:
    parts = ((1, "noche"), (6, "madrugada"), (12, "mañana"), (21, "tarde"), (24, "noche"))
    part = next(name for end, name in parts if hour < end)
    return f"{{twelve}} de la {part}", f"{{twelve}} {{minute}} de la {part}"


_DATES: Final = Dates(
    weekdays={n: (name,) for n, name in enumerate(
        "lunes martes miércoles jueves viernes sábado domingo".split(), 1)},
    months={n: (name,) for n, name in enumerate(
        ("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
         "diciembre").split(), 1)} | {9: ("septiembre", "setiembre")},
    days={**_numbers(*range(1, 32)), 1: ("primero", "uno")},
    years=_numbers(*range(1900, 2100)),
    counts={1: ("un", "una"), **_numbers(*range(2, 15), 21, 30)},
    units={1: ("días", "día"), 7: ("semanas", "semana")},
    relative={0: ("hoy",), 1: ("mañana",), 2: ("pasado mañana",), -1: ("ayer",),
              -2: ("anteayer", "antes de ayer")},
    lead="[el|para el|para]",
    heard={
        "<relative>": {},
        "<weekday>": {},
        "[próximo] <weekday>": {},
        "<weekday> que viene": {},
        "<weekday> [de] la (próxima semana|semana que viene)": {"week": 1},
        "este <weekday>": {"week": 0},
        "<weekday> pasado": {"last": 1},
        "[<weekday>] [día] <day> de <month> [(de|del) <year>]": {},
        "[<weekday>] [día] <day>": {},
        "[día] <day> del mes que viene": {"months": 1},
        "[día] <day> de este mes": {"months": 0},
        "[dentro de|en] <count> <unit>": {},
        "hace <count> <unit>": {"ago": 1},
    },
    typed={
        "[<weekday>] [día] <number> de <month> [(de|del) <year>]": {},
        "[<weekday>] [día] (<day>|<number>) <month> [<year>]": {},
        "día <number>": {},
    },
    said="{weekday}, {day} de {month}",
    said_with_year="{weekday}, {day} de {month} de {year}",
    numeric=("<day> <month>",),
)  # fmt: skip

_TIMES: Final = Times(
    hours={hour: _hour(hour) for hour in range(25)} | {0: ("las cero", "cero")},
    minutes={**{n: (f"y {_number(n)}", _number(n)) for n in range(1, 60)},
             15: ("y cuarto", "y quince", "quince"), 30: ("y media", "y treinta", "treinta")},
    spans={**_numbers(*range(1, 30)), 15: ("cuarto", "quince")},
    parts={0: ("de la madrugada",),
           1: ("de la mañana", "por la mañana"),
           12: ("de la tarde", "por la tarde", "del mediodía"),
           18: ("de la noche", "por la noche")},
    fixed={720: ("mediodía", "el mediodía", "doce del mediodía"),
           0: ("medianoche", "la medianoche", "doce de la noche", "las doce de la noche")},
    lead="[a|al|sobre|hacia|para]",
    heard={
        "<fixed>": {},
        "<hour> [horas] [en punto]": {},
        "<hour> [horas] <minute> [minutos|horas]": {},
        "<twelve> [en punto] <part>": {},
        "<twelve> <minute> <part>": {},
        "<twelve> menos <to> [<part>]": {},
        "<to> para <twelve> [<part>]": {},
        "<part> a <twelve> [<minute>]": {},
    },
    typed={"<hour> [point] <minute> [<part>]": {}},
    behind_written=r"\s?h\b\.?",
    said=tuple(_said(hour) for hour in range(24)),
)  # fmt: skip

_MONEY: Final = Money(
    currencies={
        "EUR": Currency("un euro", "euros", "un céntimo", "céntimos", (), "€",
                        "spellout-cardinal-masculine"),
        "USD": Currency("un dólar", "dólares", "un centavo", "centavos", (), "$",
                        "spellout-cardinal-masculine"),
        "MXN": Currency("un peso", "pesos", "un centavo", "centavos", (), "MX$",
                        "spellout-cardinal-masculine"),
        "GBP": Currency("una libra", "libras", "un penique", "peniques", (), "£",
                        "spellout-cardinal-feminine"),
    },
    lead="[unos|por]",
    heard={
        "<units>": {},
        "<subunits> <subunit>": {},
        "<units> [de] <unit>": {},
        "<units> <unit> [y|con] <subunits> [<subunit>]": {},
        "<units> (con|coma) <places> [<unit>]": {},
    },
    typed={"<units> (point|punto) <places> [<unit>]": {}},
    joined=" y ",
    cents=_numbers(*range(10, 100)),
    places={**{10 * n: (_number(n), f"{_number(n)} cero", _number(10 * n)) for n in range(1, 10)},
            **{n: (f"{_number(n // 10)} {_number(n % 10)}", _number(n))
               for n in range(11, 100) if n % 10},
            **{n: (f"cero {_number(n)}",) for n in range(1, 10)},
            0: ("cero", "cero cero")},
)  # fmt: skip

_WORDS: Final = (
    "antonio barcelona carmen dolores españa francia gerona historia inés josé kilo lorenzo "
    "madrid navarra ñoño oviedo parís querido ramón sábado tarragona ulises valencia washington "
    "xilófono yegua zaragoza alicante burgos cáceres enrique granada huelva italia jaén lugo "
    "málaga orense palencia sevilla teruel zamora"
).split()

_LETTERS: Final = Letters(
    names={**{letter: (letter,) for letter in "ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"},
           "B": ("B", "be"), "C": ("C", "ce"), "D": ("D", "de"), "F": ("F", "efe"),
           "G": ("G", "ge"), "H": ("H", "hache"), "J": ("J", "jota"), "K": ("K", "ka"),
           "L": ("L", "ele"), "M": ("M", "eme"), "N": ("N", "ene"), "Ñ": ("Ñ", "eñe"),
           "P": ("P", "pe"), "Q": ("Q", "cu"), "R": ("R", "erre", "ere"), "S": ("S", "ese"),
           "T": ("T", "te"), "V": ("V", "uve", "ve"), "W": ("W", "uve doble", "doble uve"),
           "X": ("X", "equis"), "Y": ("Y", "i griega", "ye"), "Z": ("Z", "zeta")},
    words={letter: tuple(w for w in _WORDS if w[0] == letter.lower())
           for letter in "ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"},
    such_as=("de", "como", "como en"),
    silent=("mayúscula", "minúscula", "letra", "guion", "guión"),
    ignored=("espacio", "punto", "barra", "arroba", "luego"),
    marks={"-": "guion", ".": "punto", "/": "barra", "@": "arroba", "_": "guion"},
)  # fmt: skip

SPANISH: Final = Language(
    tag="es-ES",
    code="es",
    currency="EUR",
    digits={**{name: str(n) for n, name in enumerate(_DIGITS)}, "un": "1", "una": "1"},
    sounds_like={},
    repeats={"doble": 2, "triple": 3},
    number_words=(*(in_words(n, "es") for n in range(30)),
                  *(in_words(n, "es") for n in range(30, 100, 10)),
                  *(in_words(n, "es") for n in range(100, 1000, 100)),
                  "ciento", "mil", "un", "una", "veintiún", "veintiuna", "doscientas",
                  "trescientas", "cuatrocientas", "quinientas", "seiscientas", "setecientas",
                  "ochocientas", "novecientas", "y"),
    yes=("sí", "si", "claro", "vale", "correcto", "exacto", "exactamente", "de acuerdo", "perfecto",
         "desde luego", "por supuesto", "efectivamente", "sí sí", "claro que sí", "cómo no", "okay",
         "sí (claro|por favor|gracias|señor|señora|correcto|exacto|exactamente|por supuesto)",
         "sí (de acuerdo|desde luego|quiero)", "[sí] (está bien|es correcto|eso es|así es)",
         "[sí] es así", "[sí] (eso|así) está bien", "eso es correcto", "creo que sí"),
    no=("no", "no gracias", "no no", "incorrecto", "para nada", "qué va", "nada de eso",
        "[no] (está mal|no es correcto|es incorrecto|eso no)", "[no] (eso|así) (no es|está mal)",
        "[no] no (está bien|es así|es eso|quiero|lo creo)", "no es cierto", "claro que no",
        "[no] (por supuesto|desde luego) que no", "no eso no es correcto", "de ninguna manera",
        "en absoluto", "no (señor|señora|para nada|en absoluto)", "creo que no"),
    fillers=frozenset({"eh", "em", "este", "pues", "bueno", "mmm"}),
    lead_ins=(("me", "gustaría"), ("yo", "quisiera"), ("quisiera",), ("quiero",), ("yo", "quiero"),
              ("necesito",)),
    corrections=(("no", "quiero", "decir"), ("no", "quise", "decir"), ("no", "mejor"),
                 ("no", "perdón"), ("quiero", "decir"), ("quise", "decir"), ("no",), ("perdón",),
                 ("mejor",), ("espera",), ("en", "realidad")),
    dates=_DATES,
    times=_TIMES,
    money=_MONEY,
    letters=_LETTERS,
    plus=("más", "plus"),
    point="coma",
    point_mark=",",
    minus="menos",
    percent="por ciento",
    ordinal_rules="spellout-ordinal-masculine",
    written_ordinal=r"(?:º|ª|\.º|\.ª|er)(?!\w)",
    number_variants={"veintiún": "veintiuno"},
    small_words=("y",),
    and_words=("y",),
)  # fmt: skip
