"""A flow file → model.Flow, with every mistake of its shape at its place.

Knows the keys of the flow language and what may stand behind each.  Must not know how the parts of
a flow hang together (check.py) or how a call goes through it (dialog.py).  The only file of this
room, with yamlfile, that reads files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

from voicebot.flow import entities, model, yamlfile
from voicebot.flow.answers import AnswerError, Phrase, phrases
from voicebot.flow.expectation import Expectation
from voicebot.flow.expressions import (
    Expression,
    ExpressionError,
    Template,
    literal,
    parse_expression,
    parse_template,
)
from voicebot.flow.yamlfile import Finding, Mark, Node, Severity, did_you_mean

_Parsed = TypeVar("_Parsed")

VERSION: Final = 1
KEYS: Final = "0123456789*#ABCD"

_TOP = ("voicebot", "flow", "language", "start", "vars", "prompts", "answers", "defaults", "on",
        "nodes", "tests")  # fmt: skip
_VERBS = ("say", "menu", "ask", "set", "if", "goto", "log", "wait", "hangup", "repeat")
_LATER = ("form", "call", "return", "http", "transfer", "record", "tag", "language")
_WAY = ("goto", "do", "then")
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
_TYPES_LATER = ("amount", "date", "time", "phone", "spelling")
_ENDINGS = ("failed", "error", "hangup")

_MAX_SPEECH_S: Final = 15.0
_MAX_TEXT_S: Final = 30.0


def load_flow(path: Path) -> tuple[model.Flow | None, list[Finding]]:
    """Read one flow file.

    Returns:
        The flow, or None when an error keeps it from being used; and all findings, sorted.
    """
    root, findings = yamlfile.load(path)
    if root is None:
        return None, findings
    reader = _Reader(path, findings)
    flow = reader.flow(root)
    broken = any(f.severity is Severity.ERROR for f in reader.findings)
    return (None if broken else flow), yamlfile.sort_findings(reader.findings)


class _Reader:
    """Walks the nodes of one file and gathers what is wrong with them."""

    def __init__(self, path: Path, findings: Iterable[Finding]) -> None:
        self.path = path
        self.findings = list(findings)
        self.library: dict[str, tuple[str, ...]] = {}
        self.lexicon = entities.ENGLISH
        self.questions: list[model.Question] = []
        self.defaults: dict[str, Node] = {}

    # The file ------------------------------------------------------------------------------

    def flow(self, root: Node) -> model.Flow | None:
        keys = self.fields(root, "a flow", _TOP)
        self._version(keys.get("voicebot"), root)
        self._language(keys.get("language"))
        if "answers" in keys:
            self._library(keys["answers"])
        if "defaults" in keys:
            known = ("attempts", "no_input", "barge_in", "end_silence", "max_speech", "inter_digit")
            self.defaults = self.fields(keys["defaults"], "defaults", known)
        universals, endings = self._events(keys.get("on"))
        nodes = self._nodes(keys.get("nodes"), root)
        start = self.text(keys["start"], "start") if "start" in keys else next(iter(nodes), "")
        return model.Flow(
            name=self.text(keys["flow"], "flow") if "flow" in keys else self.path.stem,
            language=self.text(keys["language"], "language") if "language" in keys else "en-US",
            start=start,
            variables=self._variables(keys.get("vars")),
            prompts=self._prompt_library(keys.get("prompts")),
            universals=universals,
            failed=endings.get("failed"),
            error=endings.get("error"),
            hangup=endings.get("hangup"),
            nodes=nodes,
            path=self.path,
            start_mark=keys.get("start", root).mark,
            expectations={q: Expectation(q, universals, self.lexicon) for q in self.questions},
        )

    def _version(self, node: Node | None, root: Node) -> None:
        if node is None:
            self.error(
                root.mark,
                f"the file needs a line `voicebot: {VERSION}`, the version of the language",
            )
        elif yamlfile.plain(node) != VERSION:
            self.error(
                node.mark,
                f"this voicebot reads version {VERSION} of the language: write `voicebot: {VERSION}`",
            )

    def _language(self, node: Node | None) -> None:
        if node is None:
            return
        found = entities.lexicon(self.text(node, "language"))
        if found is None:
            self.error(node.mark, "the language is not known here; there is en-US (any en-…)")
        else:
            self.lexicon = found

    def _library(self, node: Node) -> None:
        self.library = {
            name: tuple(text for text, _ in self.texts(value))
            for name, value in self.entries(node, "answers")
        }
        for _, value in self.entries(node, "answers"):
            self.phrases(value)

    def _variables(self, node: Node | None) -> dict[str, model.Constant]:
        found: dict[str, model.Constant] = {}
        for name, value in self.entries(node, "vars") if node else ():
            self._variable_name(name, value.mark)
            if isinstance(value, yamlfile.Scalar):
                found[name] = value.value
            else:
                self.error(
                    value.mark,
                    f'the variable "{name}" starts as a text, a number, true, false or null',
                )
        return found

    def _variable_name(self, name: str, mark: Mark) -> None:
        if not name.isidentifier() or name in ("call", "true", "false", "null"):
            self.error(
                mark, f'"{name}" cannot be a variable: use letters, digits and _ (and not "call")'
            )

    def _prompt_library(self, node: Node | None) -> dict[str, tuple[model.Prompt, ...]]:
        return {
            name: self.prompts(value)
            for name, value in (self.entries(node, "prompts") if node else ())
        }

    def _events(
        self, node: Node | None
    ) -> tuple[tuple[model.Universal, ...], dict[str, model.Block]]:
        universals: list[model.Universal] = []
        endings: dict[str, model.Block] = {}
        for name, value in self.entries(node, "on") if node else ():
            if name in _ENDINGS:
                endings[name] = self.way(self.fields(value, f"on: {name}", _WAY), value.mark)
                continue
            keys = self.fields(value, f"on: {name}", ("answers", "keys", *_WAY))
            if "answers" not in keys and "keys" not in keys:
                self.error(value.mark, f'"{name}" is never heard: give it answers or keys'
                           + did_you_mean(name, _ENDINGS))  # fmt: skip
            universals.append(
                model.Universal(
                    name=name,
                    phrases=self.phrases(keys.get("answers")),
                    keys=self.keys(keys.get("keys")),
                    way=(*self.way(keys, value.mark), model.Repeat(value.mark)),
                    mark=value.mark,
                )
            )
        return tuple(universals), endings

    def _nodes(self, node: Node | None, root: Node) -> dict[str, model.Node]:
        if node is None:
            self.error(root.mark, "the flow has no nodes: add `nodes:` with at least one node")
            return {}
        nodes = {
            name: model.Node(name, self.block(value), value.mark)
            for name, value in self.entries(node, "nodes")
        }
        if not nodes:
            self.error(node.mark, "the flow has no nodes: add at least one")
        return nodes

    # Steps ---------------------------------------------------------------------------------

    def block(self, node: Node) -> model.Block:
        """A list of steps, or one step that stands alone."""
        items = node.items if isinstance(node, yamlfile.Sequence) else (node,)
        if not items:
            self.error(node.mark, "there is no step here: add one, for example `- hangup`")
        return tuple(step for step in map(self.step, items) if step is not None)

    def step(self, node: Node) -> model.Step | None:
        if isinstance(node, yamlfile.Scalar):
            return self._bare_step(node)
        if isinstance(node, yamlfile.Sequence):
            self.error(
                node.mark, "a step is one verb with its values, not a list: take out one `-`"
            )
            return None
        names = [key.text for key, _ in node.entries]
        verbs = [name for name in names if name in _VERBS]
        if not verbs:
            self._no_verb(node)
            return None
        if len(verbs) > 1:
            second = next(key for key, _ in node.entries if key.text == verbs[1])
            self.error(
                second.mark,
                f'a step has one verb, this one has "{verbs[0]}" and "{verbs[1]}": '
                f"begin a new step with `- {verbs[1]}:`",
            )
            return None
        return self._verb(verbs[0], node)

    def _bare_step(self, node: yamlfile.Scalar) -> model.Step | None:
        if node.text == "hangup":
            return model.HangUp(node.mark)
        if node.text == "repeat":
            return model.Repeat(node.mark)
        if node.text in _VERBS:
            self.error(node.mark, f'"{node.text}" needs a value: write `- {node.text}: …`')
        elif node.text in _LATER:
            self._later(node.text, node.mark)
        else:
            self.error(node.mark, f'"{node.text}" is not a step; there is hangup, repeat, and `verb: value`'
                       + did_you_mean(node.text, _VERBS))  # fmt: skip
        return None

    def _no_verb(self, node: yamlfile.Mapping) -> None:
        for key, _ in node.entries:
            if key.text in _LATER:
                self._later(key.text, key.mark)
                return
        if not node.entries:
            self.error(node.mark, "an empty step: it needs a verb, one of " + ", ".join(_VERBS))
            return
        first = node.entries[0][0]
        near = did_you_mean(first.text, _VERBS)
        self.error(
            first.mark, f'"{first.text}" is not a verb{near or "; there is " + ", ".join(_VERBS)}'
        )

    def _later(self, verb: str, mark: Mark) -> None:
        self.error(
            mark, f'"{verb}" belongs to the flow language, but this version does not run it yet'
        )

    def _verb(  # noqa: C901 - a row for each verb
        self, verb: str, node: yamlfile.Mapping
    ) -> model.Step | None:
        allowed = ("if", "then", "else") if verb == "if" else (verb,)
        keys = self.fields(node, f"a step `{verb}`", allowed)
        value = keys[verb]
        match verb:
            case "say":
                return model.Say(self.prompts(value), value.mark)
            case "menu":
                return self.menu(value)
            case "ask":
                return self.ask(value)
            case "set":
                return self._set(value)
            case "if":
                return self._if(keys, node.mark)
            case "goto":
                return model.Goto(self.text(value, "goto"), value.mark)
            case "log":
                return model.Log(self.template(value), value.mark)
            case "wait":
                return model.Wait(self.duration(value), value.mark)
            case "hangup":
                return model.HangUp(value.mark)
            case _:
                return model.Repeat(value.mark)

    def _set(self, node: Node) -> model.Set:
        values: list[tuple[str, Template | model.Constant, Mark]] = []
        for name, value in self.entries(node, "set"):
            self._variable_name(name, value.mark)
            if isinstance(value, yamlfile.Scalar) and "${" not in value.text:
                values.append((name, value.value, value.mark))
            else:
                values.append((name, self.template(value), value.mark))
        return model.Set(tuple(values), node.mark)

    def _if(self, keys: dict[str, Node], mark: Mark) -> model.If:
        if "then" not in keys and "else" not in keys:
            self.error(mark, "an `if` needs `then:` or `else:` with steps")
        return model.If(
            condition=self.expression(keys["if"]),
            then=self.block(keys["then"]) if "then" in keys else (),
            otherwise=self.block(keys["else"]) if "else" in keys else (),
            mark=mark,
        )

    def way(self, keys: dict[str, Node], mark: Mark) -> model.Block:
        """Where a choice or event goes on: `goto`, or `do` with or without `then`."""
        if "goto" in keys:
            for other in ("do", "then"):
                if other in keys:
                    self.error(
                        keys[other].mark,
                        f"`{other}` beside `goto`: write `do: […]` and `then: {{goto: …}}`",
                    )
            return (model.Goto(self.text(keys["goto"], "goto"), keys["goto"].mark),)
        steps = self.block(keys["do"]) if "do" in keys else ()
        return steps + self._then(keys.get("then"))

    def _then(self, node: Node | None) -> model.Block:
        if node is None:
            return ()
        if isinstance(node, yamlfile.Scalar):
            if node.text in ("repeat", "hangup"):
                step = self._bare_step(node)
                return (step,) if step else ()
            if node.text == "return":
                self._later("return", node.mark)
            else:
                self.error(
                    node.mark,
                    f'"{node.text}" is not a way on: write `then: repeat` or '
                    f"`then: {{goto: {node.text}}}`",
                )
            return ()
        return self.way(self.fields(node, "then", _WAY), node.mark)

    # Questions -----------------------------------------------------------------------------

    def menu(self, node: Node) -> model.Question:
        keys = self.fields(node, "a menu", (*_COMMON, "choices"))
        choices = self._menu_choices(keys["choices"]) if "choices" in keys else ()
        if not choices:
            self.error(node.mark, "a menu needs `choices:`, a list of answers and where they lead")
        return self._question(keys, node, model.Choices(choices), None)

    def _menu_choices(self, node: Node) -> tuple[model.Choice, ...]:
        found = []
        for item in self.items(node, "choices"):
            keys = self.fields(item, "a choice", ("answers", "keys", *_WAY))
            if keys and "answers" not in keys and "keys" not in keys:
                self.error(item.mark, "this choice can never be made: give it answers or keys")
            found.append(self._choice(keys, item.mark, None, self.way(keys, item.mark)))
        return tuple(found)

    def _choice(
        self, keys: dict[str, Node], mark: Mark, value: str | bool | None, way: model.Block
    ) -> model.Choice:
        said = self.phrases(keys.get("answers"))
        pressed = self.keys(keys.get("keys"))
        # "A string choice that reads like a digit is a key."
        for text, _ in self.texts(keys["answers"]) if "answers" in keys else ():
            if len(text) == 1 and text in KEYS[:12] and text not in pressed:
                pressed = (*pressed, text)
        if value is None:
            value = " ".join(said[0]) if said else "".join(pressed[:1])
        return model.Choice(said, pressed, value, way, mark)

    def ask(self, node: Node) -> model.Question:
        every = tuple(dict.fromkeys(key for keys in _TYPES.values() for key in keys))
        keys = self.fields(node, "an ask", (*_COMMON, *_ASK, *every))
        kind = self._type(keys.get("type"), node.mark)
        for name in every:
            if name in keys and kind and name not in _TYPES[kind]:
                self.error(keys[name].mark, f"`{name}` has no meaning for the type {kind}")
        if "to" in keys:
            self._variable_name(self.text(keys["to"], "to"), keys["to"].mark)
        elif isinstance(node, yamlfile.Mapping):
            self.error(node.mark, "an ask needs `to:`, the variable for the answer")
        wants = self._wants(kind, keys, node.mark)
        return self._question(
            keys, node, wants, self.text(keys["to"], "to") if "to" in keys else ""
        )

    def _type(self, node: Node | None, mark: Mark) -> str:
        names = ", ".join(_TYPES)
        if node is None:
            self.error(mark, f"an ask needs `type:`, one of {names}")
            return ""
        name = self.text(node, "type")
        if name in _TYPES_LATER:
            self.error(
                node.mark,
                f'the type "{name}" belongs to the flow language, but this version does not ask it '
                f"yet; there is {names}",
            )
        elif name not in _TYPES:
            self.error(
                node.mark,
                f'no type is called "{name}"{did_you_mean(name, _TYPES)}; there is {names}',
            )
        return name if name in _TYPES else ""

    def _wants(self, kind: str, keys: dict[str, Node], mark: Mark) -> model.Wants:
        match kind:
            case "yes_no":
                return self._yes_no(mark)
            case "digits":
                return self._digits(keys, mark)
            case "number":
                least, most = self._range(keys, 0)
                return model.Number(0 if least is None else least, most, self._finish(keys))
            case "choice":
                if "choices" not in keys:
                    self.error(mark, "a choice needs `choices:`, a list")
                return model.Choices(self._values(keys["choices"]) if "choices" in keys else ())
            case _:
                return model.FreeText()

    def _yes_no(self, mark: Mark) -> model.Choices:
        def choice(name: str, value: bool, key: str, built_in: tuple[str, ...]) -> model.Choice:
            templates = (*built_in, *self.library.get(name, ()))
            said = dict.fromkeys(p for t in templates for p in self._expanded(t, mark))
            return model.Choice(tuple(said), (key,), value, (), mark)

        return model.Choices(
            (choice("yes", True, "1", self.lexicon.yes), choice("no", False, "2", self.lexicon.no))
        )

    def _digits(self, keys: dict[str, Node], mark: Mark) -> model.Digits:
        least, most = self._range(keys, 1)
        if "length" in keys:
            if "min" in keys or "max" in keys:
                self.error(keys["length"].mark, "give either `length` or `min` and `max`")
            length = self.whole(keys["length"], "length", 1)
            return model.Digits(length, length, self._finish(keys))
        if least is None and most is None and "finish" not in keys:
            self.error(
                mark, 'how many digits? give `length: 4`, or `min:` and `max:`, or `finish: "#"`'
            )
        return model.Digits(least or 1, most, self._finish(keys))

    def _range(self, keys: dict[str, Node], floor: int) -> tuple[int | None, int | None]:
        least = self.whole(keys["min"], "min", floor) if "min" in keys else None
        most = self.whole(keys["max"], "max", floor) if "max" in keys else None
        if least is not None and most is not None and least > most:
            self.error(keys["max"].mark, f"max {most} is less than min {least}")
        return least, most

    def _finish(self, keys: dict[str, Node]) -> str | None:
        node = keys.get("finish")
        if node is None:
            return "#"
        if isinstance(node, yamlfile.Scalar) and node.value is None:
            return None
        key = self.text(node, "finish")
        if key not in ("#", "*"):
            self.error(node.mark, '`finish` is the key "#" or "*", in quotes')
        return key

    def _values(self, node: Node) -> tuple[model.Choice, ...]:
        found = []
        for item in self.items(node, "choices"):
            if isinstance(item, yamlfile.Scalar):
                found.append(self._choice({"answers": item}, item.mark, item.text, ()))
                continue
            keys = self.fields(item, "a choice", ("value", "answers", "keys"))
            if "answers" not in keys and "keys" not in keys and "value" in keys:
                keys["answers"] = keys["value"]
            value = self.text(keys["value"], "value") if "value" in keys else None
            found.append(self._choice(keys, item.mark, value, ()))
        return tuple(found)

    def _question(
        self, keys: dict[str, Node], node: Node, wants: model.Wants, to: str | None
    ) -> model.Question:
        with_defaults = {k: v for k, v in self.defaults.items() if k != "no_input"} | keys
        timeout = keys.get("timeout", self.defaults.get("no_input"))
        longest = _MAX_TEXT_S if isinstance(wants, model.FreeText) else _MAX_SPEECH_S

        def seconds(name: str) -> float | None:
            return self.duration(with_defaults[name]) if name in with_defaults else None

        attempts = with_defaults.get("attempts")
        question = model.Question(
            wants=wants,
            to=to,
            say=self.prompts(keys.get("say")),
            no_match=self.by_attempt(keys.get("no_match")),
            no_input=self.by_attempt(keys.get("no_input")),
            retry=self.by_attempt(keys.get("retry")),
            check=self.expression(keys["check"]) if "check" in keys else None,
            attempts=3 if attempts is None else self.whole(attempts, "attempts", 1),
            failed=self._failed(keys.get("failed")),
            barge_in=self._barge_in(with_defaults.get("barge_in")),
            timeout_s=5.0 if timeout is None else self.duration(timeout),
            inter_digit_s=seconds("inter_digit"),
            end_silence_s=seconds("end_silence"),
            max_speech_s=seconds("max_speech") or longest,
            secret="secret" in keys and self.truth(keys["secret"], "secret"),
            mark=node.mark,
        )
        self.questions.append(question)
        return question

    def _failed(self, node: Node | None) -> model.Block | None:
        return None if node is None else self.way(self.fields(node, "failed", _WAY), node.mark)

    def _barge_in(self, node: Node | None) -> model.BargeIn:
        if node is None:
            return model.BargeIn.SPEECH
        try:
            return model.BargeIn(self.text(node, "barge_in"))
        except ValueError:
            self.error(node.mark, "barge_in is speech, keys or none")
            return model.BargeIn.SPEECH

    # Prompts and answers -------------------------------------------------------------------

    def prompts(self, node: Node | None) -> model.Prompts:
        """A prompt or a list of them, said one after the other."""
        if node is None:
            return ()
        items = node.items if isinstance(node, yamlfile.Sequence) else (node,)
        return tuple(prompt for prompt in map(self._prompt, items) if prompt is not None)

    def by_attempt(self, node: Node | None) -> tuple[model.Prompts, ...]:
        if isinstance(node, yamlfile.Sequence):
            return tuple(self.prompts(item) for item in node.items)
        return () if node is None else (self.prompts(node),)

    def _prompt(self, node: Node) -> model.Prompt | None:
        if isinstance(node, yamlfile.Scalar):
            if not node.text.strip():
                self.error(node.mark, "there is nothing to say: write a text")
            return model.TextPrompt(self.template(node), node.mark)
        keys = self.fields(node, "a prompt", ("prompt", "file", "text"))
        if "prompt" in keys:
            return model.PromptRef(self.text(keys["prompt"], "prompt"), keys["prompt"].mark)
        if "file" in keys:
            if "text" not in keys:
                self.error(node.mark, "a sound file needs `text:`, the words that are in it")
            path = self.path.parent / self.text(keys["file"], "file")
            words = self.template(keys["text"]) if "text" in keys else literal("")
            return model.FilePrompt(path, words, keys["file"].mark)
        if keys:
            self.error(node.mark, "a prompt is a text, {prompt: name} or {file: path, text: words}")
        return None

    def phrases(self, node: Node | None) -> tuple[Phrase, ...]:
        found: dict[Phrase, None] = {}
        for template, mark in self.texts(node) if node else ():
            if template not in ("*", "#"):  # a key written among the answers
                found.update(dict.fromkeys(self._expanded(template, mark)))
        return tuple(found)

    def _expanded(self, template: str, mark: Mark) -> tuple[Phrase, ...]:
        try:
            return phrases(template, self.library)
        except AnswerError as error:
            near = re.search(r"<(.+)> is not one", str(error))
            hint = did_you_mean(near[1], self.library) if near else ""
            self.error(mark, f"{error}{hint}")
            return ()

    def keys(self, node: Node | None) -> tuple[str, ...]:
        found: list[str] = []
        for text, mark in self.texts(node) if node else ():
            if not text or any(char not in KEYS for char in text):
                self.error(mark, f'"{text}" is not a key: keys are 0-9, * and #, in quotes')
            else:
                found.append(text)
        return tuple(found)

    def template(self, node: Node) -> Template:
        if not isinstance(node, yamlfile.Scalar):
            self.error(node.mark, "a text belongs here")
            return literal("")
        return self._parsed(node, parse_template) or literal("")

    def expression(self, node: Node) -> Expression:
        nothing = parse_expression("null")
        if not isinstance(node, yamlfile.Scalar):
            self.error(node.mark, "an expression belongs here, in quotes")
            return nothing
        source = node.text.strip()
        if source.startswith("${") and source.endswith("}"):
            self.error(
                node.mark, f'an expression stands here without ${{}}: write "{source[2:-1]}"'
            )
            return nothing
        return self._parsed(node, parse_expression) or nothing

    def _parsed(self, node: yamlfile.Scalar, parse: Callable[[str], _Parsed]) -> _Parsed | None:
        try:
            return parse(node.text)
        except ExpressionError as error:
            self.error(node.mark, str(error))
            return None

    # Values --------------------------------------------------------------------------------

    def error(self, mark: Mark, message: str) -> None:
        self.findings.append(Finding(mark, Severity.ERROR, message))

    def fields(self, node: Node, what: str, allowed: tuple[str, ...]) -> dict[str, Node]:
        """The keys of a mapping; those that are not allowed are findings."""
        if not isinstance(node, yamlfile.Mapping):
            self.error(node.mark, f"{what} is written as keys with values: {', '.join(allowed)}")
            return {}
        found: dict[str, Node] = {}
        for key, value in node.entries:
            if key.text in allowed:
                found[key.text] = value
            elif key.text in _LATER and set(_WAY) & set(allowed):
                self._later(key.text, key.mark)
            else:
                near = did_you_mean(key.text, allowed) or "; there is " + ", ".join(allowed)
                self.error(key.mark, f'{what} has no "{key.text}"{near}')
        return found

    def entries(self, node: Node, what: str) -> list[tuple[str, Node]]:
        if isinstance(node, yamlfile.Mapping):
            return [(key.text, value) for key, value in node.entries]
        if not (isinstance(node, yamlfile.Scalar) and node.value is None):
            self.error(node.mark, f"{what} is written as names with values")
        return []

    def items(self, node: Node, what: str) -> tuple[Node, ...]:
        if isinstance(node, yamlfile.Sequence):
            return node.items
        self.error(node.mark, f"{what} is a list: begin each with `-`")
        return ()

    def texts(self, node: Node) -> list[tuple[str, Mark]]:
        """One text or a list of texts, each with its place."""
        items = node.items if isinstance(node, yamlfile.Sequence) else (node,)
        return [(self.text(item, "this"), item.mark) for item in items]

    def text(self, node: Node, what: str) -> str:
        if isinstance(node, yamlfile.Scalar) and (node.value is not None or not node.plain):
            return node.text
        self.error(node.mark, f"{what} is a text")
        return ""

    def whole(self, node: Node, what: str, least: int) -> int:
        value = yamlfile.plain(node)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self.error(node.mark, f"{what} is a whole number, {least} or more")
        return least

    def truth(self, node: Node, what: str) -> bool:
        value = yamlfile.plain(node)
        if not isinstance(value, bool):
            self.error(node.mark, f"{what} is true or false")
        return value is True

    def duration(self, node: Node) -> float:
        text = node.text if isinstance(node, yamlfile.Scalar) else ""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m)", text)
        if found:
            return float(found[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0}[found[2]]
        self.error(node.mark, f'"{text}" is not a duration: write 5s, 300ms or 2m')
        return 1.0
