"""The small words around a value: what leads in to it, what tells its kind, what denies it.

Knows them for each language.  Must not know questions or how values are read.  A language that is
not here is heard without them: values are then understood bare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from voicebot.flow import model
from voicebot.flow.answers import Phrase


@dataclass(frozen=True, slots=True, eq=False)
class Linking:
    """Of one language."""

    leads: frozenset[str]
    """Words that say nothing beside a value ("the", "it's")."""
    requests: tuple[Phrase, ...]
    """What leads in to a choice beside the language's lead-ins; the recogniser is not told."""
    tails: frozenset[str]
    """Words that say nothing behind a choice ("the red one")."""
    one: str
    """The tail that the recogniser is told; empty: none."""
    denials: frozenset[str]
    """Words that deny the value behind them ("not Monday")."""
    cues: Mapping[str, frozenset[type]]
    """Word → the types of values that come behind it."""
    sayings: Mapping[type | None, tuple[Phrase, ...]]
    """How a value of a type is led in to, for the recogniser; None: of any type."""
    counting: tuple[Phrase, ...]
    """The same with a number that stands among other values; they sound like digits."""


_SMALL_NUMBERS: Final = "one two three four five six seven eight nine ten eleven twelve".split()


def _cues(**words: str) -> Mapping[str, frozenset[type]]:
    found: dict[str, set[type]] = {}
    for kind, listed in words.items():
        for word in listed.split():
            found.setdefault(word, set()).add(getattr(model, kind))
    return {word: frozenset(kinds) for word, kinds in found.items()}


def _phrases(*texts: str) -> tuple[Phrase, ...]:
    return tuple(tuple(text.split()) for text in texts)


def _sayings(**texts: list[str]) -> Mapping[type | None, tuple[Phrase, ...]]:
    kinds = {kind: None if kind == "any" else getattr(model, kind) for kind in texts}
    return {kinds[kind]: _phrases(*listed) for kind, listed in texts.items()}


_ENGLISH: Final = Linking(
    leads=frozenset(
        "the it's it is its that's that at on in by around about for of a an and to my be i i'm "
        "we're say let's would like make well so then number time day date code with hi hello".split()
    ),
    requests=_phrases(
        "i'll take", "i will take", "i'll have", "i'll go with", "give me", "let me have",
        "i'd prefer", "i prefer", "can i have", "can i get", "can you tell me", "tell me",
        "i have a question about", "i'm calling about", "put me through to",
    ),
    tails=frozenset("one ones thanks thank you then option".split()),
    one="one",
    denials=frozenset({"not"}),
    cues=_cues(
        Time="at around about time", Date="on day date", Number="for",
        Digits="code pin", Phone="phone", Amount="amount",
    ),
    sayings=_sayings(
        Date=["on the", "it's on", "the date is"], Time=["it's at"],
        # Among digits each small word more is one that a digit may be heard as: "the" for "two".
        Digits=["my number is", "my code is"], Phone=["my number is"],
        Number=["the number is"], Amount=["about"], Spelling=["my name is", "that's spelled"],
        any=["it's", "that's", "and", "i said", "not"],
    ),
    counting=_phrases(*(f"for {number} people" for number in _SMALL_NUMBERS),
                      "a table for two", "table for four", "for two of us", "for two", "for four"),
)  # fmt: skip

_GERMAN: Final = Linking(
    leads=frozenset(
        "der die das den dem es ist das ist's ein eine einen am um im in gegen für auf und zu zum "
        "meine mein ich hätte gern gerne also dann nummer zeit tag datum mit von ab bitte "
        "hallo guten".split()
    ),
    requests=_phrases(
        "ich nehme", "geben sie mir", "nehmen wir", "ich hab eine frage zu",
        "ich habe eine frage zu", "ich rufe an wegen", "es geht um", "können sie mir sagen",
        "verbinden sie mich mit",
    ),
    tails=frozenset("danke vielen dank dann gern gerne".split()),
    one="",
    denials=frozenset({"nicht"}),
    cues=_cues(
        Time="um gegen ab", Date="am den tag datum", Number="für", Digits="code pin",
        Phone="telefon telefonnummer", Amount="betrag",
    ),
    sayings=_sayings(
        Date=["am"], Time=["um"], Digits=["meine nummer ist", "die nummer ist"],
        Phone=["meine nummer ist", "die nummer ist"], Spelling=["mein name ist"],
        any=["das", "es ist", "und", "ich sagte", "nicht"],
    ),
    counting=_phrases("für zwei", "für vier", "für zwei personen", "ein tisch für zwei"),
)  # fmt: skip

_SPANISH: Final = Linking(
    leads=frozenset(
        "el la los las lo es son un una a al de del en para por y mi que sea quiero quisiera "
        "número hora día fecha entonces pues con sobre hola".split()
    ),
    requests=_phrases(
        "me quedo con", "prefiero", "elijo", "deme", "póngame con", "tengo una pregunta sobre",
        "llamo por", "puede decirme", "se trata de",
    ),
    tails=frozenset("por favor gracias entonces".split()),
    one="",
    denials=frozenset({"no"}),
    cues=_cues(
        Time="las la sobre hora", Date="el día fecha", Number="para", Digits="código pin",
        Phone="teléfono", Amount="importe",
    ),
    sayings=_sayings(
        Date=["el"], Time=["a las", "a la"], Digits=["mi número es", "el número es"],
        Phone=["mi número es", "el número es"], Spelling=["mi nombre es"],
        any=["es", "y", "he dicho"],
    ),
    counting=_phrases("para dos", "para cuatro", "para dos personas", "una mesa para dos"),
)  # fmt: skip

_NONE: Final = Linking(frozenset(), (), frozenset(), "", frozenset(), {}, {}, ())

_BY_CODE: Final = {"en": _ENGLISH, "de": _GERMAN, "es": _SPANISH}


def linking(tag: str) -> Linking:
    """The small words of a language such as "en-US"."""
    return _BY_CODE.get(tag.partition("-")[0].lower(), _NONE)
