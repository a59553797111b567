"""menu, ask and form in a flow file → model.Question and model.Form.

Knows the keys of the questions and of each type of `ask`.  Must not know the other steps: where a
choice leads is read by the loader.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from voicebot.flow import model, yamlfile
from voicebot.flow.answers import Phrase
from voicebot.flow.fields import DURATION, Fields
from voicebot.flow.yamlfile import Mark, Node, did_you_mean

WAY: Final = ("goto", "do", "then", "call", "with", "to")
DEFAULTS: Final = (
    "attempts", "no_input", "barge_in", "end_silence", "max_speech", "inter_digit", "currency",
)  # fmt: skip

COMMON: Final = ("say", "barge_in", "no_input", "no_match", "attempts", "failed", "timeout",
           "end_silence", "max_speech", "inter_digit")  # fmt: skip
ASK: Final = ("to", "type", "check", "retry", "secret")
TYPES: Final = {
    "yes_no": (),
    "digits": ("length", "min", "max", "finish", "delete", "pattern", "checksum"),
    "number": ("min", "max", "finish", "delete"),
    "amount": ("currency", "min", "max", "finish", "delete"),
    "date": ("future", "past", "finish", "delete"),
    "time": ("finish", "delete"),
    "phone": ("finish", "delete"),
    "spelling": ("length", "min", "max"),
    "choice": ("choices",),
    "text": (),
}
OF_TYPES: Final = tuple(dict.fromkeys(key for keys in TYPES.values() for key in keys))
FORM: Final = ("slots", "confirm")
CONFIRM: Final = ("mode", "retry")
FOR_SLOTS: Final = tuple(key for key in (*COMMON, "retry") if key != "say")
"""What a form may say once for all its slots."""

_TIMEOUT_S: Final = 5.0
_ATTEMPTS: Final = 3
_MAX_SPEECH_S: Final = 15.0
_MAX_TEXT_S: Final = 30.0

_Keys = dict[str, Node]


class Questions:
    """Reads the questions of one file.

    Args:
        fields: reads their values.
        way: reads where a choice, an event or a failure leads.
    """

    def __init__(self, fields: Fields, way: Callable[[_Keys, Mark], model.Block]) -> None:
        self.found: list[model.Question] = []
        """Every question so far, in the order of the file; slots and confirmations too."""
        self.forms: list[model.Form] = []
        self.defaults: Mapping[str, Node] = {}
        self._fields = fields
        self._way = way

    # menu ----------------------------------------------------------------------------------

    def menu(self, node: Node) -> model.Question:
        keys = self._fields.fields(node, "a menu", (*COMMON, "choices"))
        if "choices" not in keys:
            self._fields.missing(
                node, "a menu needs `choices:`, a list of answers and where they lead"
            )
        choices = self._ways(keys["choices"]) if "choices" in keys else ()
        return self._question(keys, node, model.Choices(choices), None)

    def _ways(self, node: Node) -> tuple[model.Choice, ...]:
        found = []
        for item in self._fields.items(node, "choices"):
            keys = self._fields.fields(item, "a choice", ("answers", "keys", *WAY))
            self._can_be_made(keys, item)
            found.append(self._choice(keys, item.mark, None, self._way(keys, item.mark)))
        return tuple(found)

    def _can_be_made(self, keys: _Keys, node: Node) -> None:
        if "answers" not in keys and "keys" not in keys:
            self._fields.missing(node, "this choice can never be made: give it answers or keys")

    def _choice(self, keys: _Keys, mark: Mark, value: str | None, way: model.Block) -> model.Choice:
        said = self._fields.phrases(keys.get("answers"))
        pressed = self._fields.keys(keys.get("keys"))
        # "A string choice that reads like a digit is a key."
        for text in self._fields.written(keys.get("answers")):
            if text in tuple("0123456789") and text not in pressed:
                pressed = (*pressed, text)
        if value is None:
            first = next((phrases[0] for phrases in said.values() if phrases), pressed[:1])
            value = " ".join(first)
        return model.Choice(said, pressed, value, way, mark)

    # ask -----------------------------------------------------------------------------------

    def ask(self, node: Node) -> model.Question:
        keys = self._fields.fields(node, "an ask", (*COMMON, *ASK, *OF_TYPES))
        return self._ask(keys, node, "an ask")

    def _ask(self, keys: _Keys, node: Node, what: str) -> model.Question:
        kind = self._type(keys.get("type"), node, what)
        for name in OF_TYPES:
            if name in keys and kind and name not in TYPES[kind]:
                self._fields.error(keys[name].mark, f"`{name}` has no meaning for the type {kind}")
        to = ""
        if "to" in keys:
            to = self._fields.target(keys["to"])
        else:
            self._fields.missing(node, f"{what} needs `to:`, the variable for the answer")
        return self._question(keys, node, self._wants(kind, keys, node), to)

    # form ----------------------------------------------------------------------------------

    def form(self, node: Node) -> model.Form:
        fields = self._fields
        keys = fields.fields(node, "a form", (*COMMON, "retry", *FORM))
        if "slots" not in keys:
            fields.missing(node, "a form needs `slots:`, a list of what is asked")
        shared: _Keys = {name: keys[name] for name in FOR_SLOTS if name in keys}
        slots = tuple(self._slots(keys["slots"], shared)) if "slots" in keys else ()
        confirm, mode = self._confirm(keys.get("confirm"), shared)
        form = model.Form(slots, fields.prompts(keys.get("say")), confirm, mode, node.mark)
        self.forms.append(form)
        return form

    def _slots(self, node: Node, shared: _Keys) -> Iterator[model.Question]:
        seen: dict[str, Mark] = {}
        for item in self._fields.items(node, "slots"):
            keys = self._fields.fields(item, "a slot", (*COMMON, *ASK, *OF_TYPES))
            slot = self._ask({**shared, **keys}, item, "a slot")
            name = slot.to or ""
            if seen.setdefault(name, slot.mark) != slot.mark and name:
                self._fields.error(
                    keys["to"].mark,
                    f'the slot "{name}" is there already (line {seen[name].line}): give each a '
                    "variable of its own",
                )
            yield slot

    def _confirm(
        self, node: Node | None, shared: _Keys
    ) -> tuple[model.Question | None, model.ConfirmMode]:
        if node is None:
            return None, model.ConfirmMode.NEVER
        keys = self._fields.fields(node, "confirm", (*COMMON, *CONFIRM))
        modes = tuple(model.ConfirmMode)
        mode = self._fields.one_of(keys["mode"], "mode", modes) if "mode" in keys else modes[0]
        if "say" not in keys:
            self._fields.missing(node, "confirm needs `say:`, which reads back what was understood")
        inherited = {name: value for name, value in shared.items() if name != "retry"}
        question = self._question({**inherited, **keys}, node, self._yes_no(node.mark), None)
        return question, model.ConfirmMode(mode)

    def _type(self, node: Node | None, ask: Node, what: str) -> str:
        names = ", ".join(TYPES)
        if node is None:
            self._fields.missing(ask, f"{what} needs `type:`, one of {names}")
            return ""
        name = self._fields.text(node, "type")
        if name not in TYPES and name != "…":
            self._fields.error(
                node.mark,
                f'no type is called "{name}"{did_you_mean(name, TYPES)}; there is {names}',
            )
        return name if name in TYPES else ""

    def _wants(self, kind: str, keys: _Keys, node: Node) -> model.Wants:  # noqa: C901 - a row for each type
        match kind:
            case "yes_no":
                return self._yes_no(node.mark)
            case "digits":
                return self._digits(keys, node)
            case "number":
                least, most = self._range(keys, 0)
                return model.Number(least or 0, most, *self._ends(keys))
            case "amount":
                return self._amount(keys)
            case "date":
                return self._date(keys)
            case "time":
                return model.Time(*self._ends(keys))
            case "phone":
                return model.Phone(*self._ends(keys))
            case "spelling":
                least, most = self._length(keys)
                return model.Spelling(least or 1, most)
            case "choice":
                if "choices" not in keys:
                    self._fields.missing(node, "a choice needs `choices:`, a list")
                return model.Choices(self._values(keys["choices"]) if "choices" in keys else ())
            case _:
                return model.FreeText()

    def _yes_no(self, mark: Mark) -> model.Choices:
        fields = self._fields

        def choice(name: str, value: bool, key: str) -> model.Choice:
            said: dict[str, tuple[Phrase, ...]] = {}
            for tag, language in fields.languages.items():
                built_in = language.yes if value else language.no
                templates = (*built_in, *fields.library(name, tag))
                each = (fields.expanded(template, mark, tag) for template in templates)
                said[tag] = tuple(dict.fromkeys(itertools.chain(*each)))
            return model.Choice(said, (key,), value, (), mark)

        return model.Choices((choice("yes", True, "1"), choice("no", False, "2")))

    def _amount(self, keys: _Keys) -> model.Amount:
        fields = self._fields
        least = fields.number(keys["min"], "min") if "min" in keys else 0
        most = fields.number(keys["max"], "max") if "max" in keys else None
        if most is not None and least > most:
            fields.error(keys["max"].mark, f"max {most} is less than min {least}")
        own = fields.currency(keys["currency"]) if "currency" in keys else None
        return model.Amount(own or self.currency(), least, most, *self._ends(keys))

    def currency(self) -> str:
        """The currency of the flow: of its `defaults`, or that of its language's region."""
        fields = self._fields
        default = self.defaults.get("currency")
        own = fields.currency(default) if default is not None else None
        return own or fields.languages[fields.language].currency

    def _date(self, keys: _Keys) -> model.Date:
        future = "future" in keys and self._fields.truth(keys["future"], "future")
        past = "past" in keys and self._fields.truth(keys["past"], "past")
        if future and past:
            self._fields.error(
                keys["past"].mark, "a date is in the future or in the past: take one"
            )
        return model.Date(future, past, *self._ends(keys))

    def _digits(self, keys: _Keys, node: Node) -> model.Digits:
        least, most = self._length(keys)
        if not keys.keys() & {"length", "min", "max", "finish", "pattern"}:
            self._fields.missing(
                node, 'how many digits? give `length: 4`, or `min:` and `max:`, or `finish: "#"`'
            )
        finish, delete = self._ends(keys)
        luhn = False
        if "checksum" in keys:
            luhn = self._fields.one_of(keys["checksum"], "checksum", ("luhn",)) == "luhn"
        pattern = self._pattern(keys["pattern"]) if "pattern" in keys else None
        return model.Digits(least or 1, most, finish, delete, pattern, luhn)

    def _pattern(self, node: Node) -> str | None:
        pattern = self._fields.text(node, "pattern")
        try:
            re.compile(pattern)
        except re.error as error:
            self._fields.error(node.mark, f'"{pattern}" is not a regular expression: {error.msg}')
            return None
        return pattern

    def _length(self, keys: _Keys) -> tuple[int | None, int | None]:
        least, most = self._range(keys, 1)
        if "length" in keys:
            if "min" in keys or "max" in keys:
                self._fields.error(keys["length"].mark, "give either `length` or `min` and `max`")
            length = self._fields.whole(keys["length"], "length", 1)
            return length, length
        return least, most

    def _range(self, keys: _Keys, floor: int) -> tuple[int | None, int | None]:
        least = self._fields.whole(keys["min"], "min", floor) if "min" in keys else None
        most = self._fields.whole(keys["max"], "max", floor) if "max" in keys else None
        if least is not None and most is not None and least > most:
            self._fields.error(keys["max"].mark, f"max {most} is less than min {least}")
        return least, most

    def _ends(self, keys: _Keys) -> tuple[str | None, str | None]:
        """The finish key and the delete key."""
        finish = self._fields.finish_key(keys.get("finish"))
        delete = None
        if "delete" in keys:
            delete = self._fields.end_key(keys["delete"], "delete")
            if delete == finish:
                self._fields.error(
                    keys["delete"].mark, f'`finish` and `delete` are both "{delete}": take two keys'
                )
        return finish, delete

    def _values(self, node: Node) -> tuple[model.Choice, ...]:
        found = []
        for item in self._fields.items(node, "choices"):
            if isinstance(item, yamlfile.Scalar):
                found.append(self._choice({"answers": item}, item.mark, item.text, ()))
                continue
            keys = self._fields.fields(item, "a choice", ("value", "answers", "keys"))
            if "answers" not in keys and "keys" not in keys and "value" in keys:
                keys["answers"] = keys["value"]
            self._can_be_made(keys, item)
            value = self._fields.text(keys["value"], "value") if "value" in keys else None
            found.append(self._choice(keys, item.mark, value, ()))
        return tuple(found)

    # What all have in common ---------------------------------------------------------------

    def _question(
        self, keys: _Keys, node: Node, wants: model.Wants, to: str | None
    ) -> model.Question:
        fields = self._fields
        own = ("no_input", "currency")  # in the defaults these are no keys of a question
        with_defaults = {k: v for k, v in self.defaults.items() if k not in own} | keys
        timeout = keys.get("timeout", self.defaults.get("no_input"))
        attempts = with_defaults.get("attempts")
        longest = _MAX_TEXT_S if isinstance(wants, model.FreeText) else _MAX_SPEECH_S

        def seconds(name: str) -> float | None:
            return fields.duration(with_defaults[name]) if name in with_defaults else None

        question = model.Question(
            wants=wants,
            to=to,
            say=fields.prompts(keys.get("say")),
            no_match=fields.by_attempt(keys.get("no_match")),
            no_input=self._no_input(keys.get("no_input")),
            retry=fields.by_attempt(keys.get("retry")),
            check=fields.expression(keys["check"]) if "check" in keys else None,
            attempts=_ATTEMPTS if attempts is None else fields.whole(attempts, "attempts", 1),
            failed=self.failed(keys.get("failed")),
            barge_in=self._barge_in(with_defaults.get("barge_in")),
            timeout_s=_TIMEOUT_S if timeout is None else fields.duration(timeout),
            inter_digit_s=seconds("inter_digit"),
            end_silence_s=seconds("end_silence"),
            max_speech_s=seconds("max_speech") or longest,
            secret="secret" in keys and fields.truth(keys["secret"], "secret"),
            mark=node.mark,
        )
        self.found.append(question)
        return question

    def _no_input(self, node: Node | None) -> tuple[model.Prompts, ...]:
        if isinstance(node, yamlfile.Scalar) and DURATION.fullmatch(node.text):
            self._fields.error(
                node.mark,
                "in a question `no_input` is what is said; for the time write "
                f"`timeout: {node.text}`",
            )
        return self._fields.by_attempt(node)

    def failed(self, node: Node | None) -> model.Handler | None:
        """Where a call goes on after a failure."""
        if node is None:
            return None
        way = self._way(self._fields.fields(node, "failed", WAY), node.mark)
        return model.Handler(way, node.mark)

    def _barge_in(self, node: Node | None) -> model.BargeIn:
        return model.BargeIn.SPEECH if node is None else self._fields.barge_in(node)
