"""Questions, made without a flow file, and their ears."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from voicebot.flow import model
from voicebot.flow.answers import Word, phrases
from voicebot.flow.expectation import Expectation, Filled, Meaning, Value
from voicebot.flow.spoken import Language, language_of
from voicebot.flow.yamlfile import Mark

MONDAY = datetime(2027, 3, 1, 10, 0)

_lines = count(1)


def english(tag: str = "en-US") -> Language:
    language = language_of(tag)
    assert language is not None
    return language


def mark() -> Mark:
    """A place of its own, behind all before it."""
    return Mark("f.yaml", next(_lines), 1)


def choice(
    value: str | bool, *answers: str, keys: Sequence[str] = (), tag: str = "en-US"
) -> model.Choice:
    said = tuple(phrase for answer in answers for phrase in phrases(answer, {}))
    return model.Choice({tag: said}, tuple(keys), value, (), mark())


def universal(name: str, *answers: str, keys: Sequence[str] = ()) -> model.Universal:
    said = tuple(phrase for answer in answers for phrase in phrases(answer, {}))
    return model.Universal(name, {"en-US": said}, tuple(keys), (), mark())


def yes_no(language: Language | None = None) -> model.Choices:
    known = language or english()
    yes = choice(True, *known.yes, keys="1", tag=known.tag)
    no = choice(False, *known.no, keys="2", tag=known.tag)
    return model.Choices((yes, no))


def question(wants: model.Wants, to: str | None = "x") -> model.Question:
    return model.Question(
        wants=wants,
        to=to,
        say=(),
        no_match=(),
        no_input=(),
        retry=(),
        check=None,
        attempts=3,
        failed=None,
        barge_in=model.BargeIn.SPEECH,
        timeout_s=5.0,
        inter_digit_s=None,
        end_silence_s=None,
        max_speech_s=15.0,
        secret=False,
        mark=mark(),
    )


DATE = model.Date(future=False, past=False, finish="#")
TIME = model.Time(finish="#")
NUMBER = model.Number(1, 20, "#")
SSN = model.Digits(9, 9, "#")
PIN = model.Digits(4, 4, "#")
TEXT = model.FreeText()
PHONE = model.Phone("#")
MONEY = model.Amount("USD", 0.0, None, "#")

HELP = universal("help", "help me", keys=["*9", "0"])
OPERATOR = universal("operator", "operator", keys="#")
UNIVERSALS = (HELP, OPERATOR)


def ears(wants: model.Wants, tag: str = "en-US") -> Expectation:
    """Of a question that stands alone."""
    return Expectation(question(wants), UNIVERSALS, english(tag))


class Form:
    """A form with a slot of each of these types, by variable."""

    def __init__(self, **slots: model.Wants) -> None:
        self.slots = [question(wants, name) for name, wants in slots.items()]
        self.confirm = question(yes_no(), None)

    def at(self, name: str | None, language: Language | None = None) -> Expectation:
        """The ears of a slot; None: of the confirmation."""
        asked = next((slot for slot in self.slots if slot.to == name), self.confirm)
        others = [slot for slot in self.slots if slot is not asked]
        return Expectation(asked, UNIVERSALS, language or english(), others=others)


def heard(text: str, confidence: float = 1.0) -> list[Word]:
    return [Word(word, confidence) for word in text.split()]


def shown(meaning: Meaning | None) -> object:
    """A meaning as a test writes it: a value, a name, or {slot: value}, with the answer as ""."""
    match meaning:
        case model.Choice() | Value():
            return meaning.value
        case model.Universal():
            return meaning.name
        case Filled():
            values: dict[str, object] = {name: v.value for name, v in meaning.values.items()}
            return values if meaning.answer is None else {**values, "": meaning.answer.value}
        case None:
            return None
