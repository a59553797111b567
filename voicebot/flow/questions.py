"""menu and ask in a flow file → model.Question.

Knows the keys of the questions and of each type of `ask`.  Must not know the other steps: where a
choice leads is read by the loader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from voicebot.flow import model, yamlfile
from voicebot.flow.fields import DURATION, Fields
from voicebot.flow.yamlfile import Mark, Node, did_you_mean

WAY: Final = ("goto", "do", "then")
WAY_LATER: Final = ("call", "with")
DEFAULTS: Final = (
    "attempts", "no_input", "barge_in", "end_silence", "max_speech", "inter_digit",
)  # fmt: skip

_COMMON = ("say", "barge_in", "no_input", "no_match", "attempts", "failed", "timeout",
           "end_silence", "max_speech", "inter_digit")  # fmt: skip
_ASK = ("to", "type", "check", "retry", "secret")
_TYPES: Final = {
    "yes_no": (),
    "digits": ("length", "min", "max", "finish"),
    "number": ("min", "max", "finish"),
    "choice": ("choices",),
    "text": (),
}
_OF_TYPES = tuple(dict.fromkeys(key for keys in _TYPES.values() for key in keys))
_TYPES_LATER = ("amount", "date", "time", "phone", "spelling")
_KEYS_LATER = ("pattern", "checksum", "currency", "future", "past")

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
        """Every question so far, in the order of the file."""
        self.defaults: Mapping[str, Node] = {}
        self._fields = fields
        self._way = way

    # menu ----------------------------------------------------------------------------------

    def menu(self, node: Node) -> model.Question:
        keys = self._fields.fields(node, "a menu", (*_COMMON, "choices"))
        if "choices" not in keys:
            self._fields.missing(
                node, "a menu needs `choices:`, a list of answers and where they lead"
            )
        choices = self._ways(keys["choices"]) if "choices" in keys else ()
        return self._question(keys, node, model.Choices(choices), None)

    def _ways(self, node: Node) -> tuple[model.Choice, ...]:
        found = []
        for item in self._fields.items(node, "choices"):
            keys = self._fields.fields(item, "a choice", ("answers", "keys", *WAY), WAY_LATER)
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
        for text, _ in self._fields.texts(keys["answers"]) if "answers" in keys else ():
            if text in tuple("0123456789") and text not in pressed:
                pressed = (*pressed, text)
        if value is None:
            value = " ".join(said[0]) if said else "".join(pressed[:1])
        return model.Choice(said, pressed, value, way, mark)

    # ask -----------------------------------------------------------------------------------

    def ask(self, node: Node) -> model.Question:
        keys = self._fields.fields(node, "an ask", (*_COMMON, *_ASK, *_OF_TYPES), _KEYS_LATER)
        kind = self._type(keys.get("type"), node)
        for name in _OF_TYPES:
            if name in keys and kind and name not in _TYPES[kind]:
                self._fields.error(keys[name].mark, f"`{name}` has no meaning for the type {kind}")
        to = ""
        if "to" in keys:
            to = self._fields.text(keys["to"], "to")
            if to != "…":
                self._fields.variable(to, keys["to"].mark)
        else:
            self._fields.missing(node, "an ask needs `to:`, the variable for the answer")
        return self._question(keys, node, self._wants(kind, keys, node), to)

    def _type(self, node: Node | None, ask: Node) -> str:
        names = ", ".join(_TYPES)
        if node is None:
            self._fields.missing(ask, f"an ask needs `type:`, one of {names}")
            return ""
        name = self._fields.text(node, "type")
        if name in _TYPES_LATER:
            self._fields.error(
                node.mark,
                f'the type "{name}" belongs to the flow language, but this version does not ask it '
                f"yet; there is {names}",
            )
        elif name not in _TYPES and name != "…":
            self._fields.error(
                node.mark,
                f'no type is called "{name}"{did_you_mean(name, _TYPES)}; there is {names}',
            )
        return name if name in _TYPES else ""

    def _wants(self, kind: str, keys: _Keys, node: Node) -> model.Wants:
        match kind:
            case "yes_no":
                return self._yes_no(node.mark)
            case "digits":
                return self._digits(keys, node)
            case "number":
                least, most = self._range(keys, 0)
                return model.Number(0 if least is None else least, most, self._finish(keys))
            case "choice":
                if "choices" not in keys:
                    self._fields.missing(node, "a choice needs `choices:`, a list")
                return model.Choices(self._values(keys["choices"]) if "choices" in keys else ())
            case _:
                return model.FreeText()

    def _yes_no(self, mark: Mark) -> model.Choices:
        def choice(name: str, value: bool, key: str, built_in: tuple[str, ...]) -> model.Choice:
            templates = (*built_in, *self._fields.library.get(name, ()))
            said = dict.fromkeys(p for t in templates for p in self._fields.expanded(t, mark))
            return model.Choice(tuple(said), (key,), value, (), mark)

        words = self._fields.lexicon
        return model.Choices(
            (choice("yes", True, "1", words.yes), choice("no", False, "2", words.no))
        )

    def _digits(self, keys: _Keys, node: Node) -> model.Digits:
        least, most = self._range(keys, 1)
        if "length" in keys:
            if "min" in keys or "max" in keys:
                self._fields.error(keys["length"].mark, "give either `length` or `min` and `max`")
            length = self._fields.whole(keys["length"], "length", 1)
            return model.Digits(length, length, self._finish(keys))
        if not keys.keys() & {"min", "max", "finish"}:
            self._fields.missing(
                node, 'how many digits? give `length: 4`, or `min:` and `max:`, or `finish: "#"`'
            )
        return model.Digits(least or 1, most, self._finish(keys))

    def _range(self, keys: _Keys, floor: int) -> tuple[int | None, int | None]:
        least = self._fields.whole(keys["min"], "min", floor) if "min" in keys else None
        most = self._fields.whole(keys["max"], "max", floor) if "max" in keys else None
        if least is not None and most is not None and least > most:
            self._fields.error(keys["max"].mark, f"max {most} is less than min {least}")
        return least, most

    def _finish(self, keys: _Keys) -> str | None:
        node = keys.get("finish")
        if node is None:
            return "#"
        if isinstance(node, yamlfile.Scalar) and node.value is None:
            return None
        key = self._fields.text(node, "finish")
        if key not in ("#", "*"):
            self._fields.error(node.mark, '`finish` is the key "#" or "*", in quotes')
        return key

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
        with_defaults = {k: v for k, v in self.defaults.items() if k != "no_input"} | keys
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
            failed=self._failed(keys.get("failed")),
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

    def _failed(self, node: Node | None) -> model.Block | None:
        if node is None:
            return None
        return self._way(self._fields.fields(node, "failed", WAY, WAY_LATER), node.mark)

    def _barge_in(self, node: Node | None) -> model.BargeIn:
        if node is None:
            return model.BargeIn.SPEECH
        try:
            return model.BargeIn(self._fields.text(node, "barge_in"))
        except ValueError:
            self._fields.error(node.mark, "barge_in is speech, keys or none")
            return model.BargeIn.SPEECH
