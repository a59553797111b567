"""A flow file → model.Flow, with every mistake of its shape at its place.

Knows the file's own keys, the steps and the ways on.  Must not know the questions (questions.py),
how a value is written (fields.py), how the parts of a flow hang together (check.py) or how a call
goes through it (dialog.py).  The only file of this room, with yamlfile, that reads files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from voicebot.flow import entities, model, yamlfile
from voicebot.flow.expectation import Expectation
from voicebot.flow.expressions import Template
from voicebot.flow.fields import Fields
from voicebot.flow.questions import DEFAULTS, WAY, WAY_LATER, Questions
from voicebot.flow.yamlfile import Finding, Mark, Node, Severity, did_you_mean

VERSION: Final = 1

_TOP = ("voicebot", "flow", "language", "start", "vars", "prompts", "answers", "defaults", "on",
        "nodes", "tests")  # fmt: skip
_VERBS = ("say", "menu", "ask", "set", "if", "goto", "log", "wait", "hangup", "repeat")
_LATER = ("form", "call", "return", "http", "transfer", "record", "tag", "language")
_ENDINGS = ("failed", "error", "hangup")


def load_flow(path: Path) -> tuple[model.Flow | None, list[Finding]]:
    """Read one flow file.

    Returns:
        The flow, or None when an error keeps it from being used; and all findings, sorted.
    """
    root, findings = yamlfile.load(path)
    if root is None:
        return None, findings
    reader = _Reader(path)
    flow = reader.flow(root)
    findings = _told_once(findings, reader.fields.findings)
    broken = any(f.severity is Severity.ERROR for f in findings)
    return (None if broken else flow), yamlfile.sort_findings(findings)


def _told_once(of_yaml: list[Finding], of_flow: list[Finding]) -> list[Finding]:
    """Both; where both find fault with one place, YAML's is the cause ("a # starts a comment")."""
    wrong = {finding.mark for finding in of_flow}
    causes = [Finding(f.mark, Severity.ERROR, f.message) if f.mark in wrong else f for f in of_yaml]
    places = {finding.mark for finding in of_yaml}
    return [*causes, *(f for f in of_flow if f.mark not in places)]


class _Reader:
    """Walks the nodes of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fields = Fields(path)
        self.questions = Questions(self.fields, self.way)
        self.sets: list[model.Set] = []

    # The file ------------------------------------------------------------------------------

    def flow(self, root: Node) -> model.Flow:
        fields = self.fields
        keys = fields.fields(root, "a flow", _TOP)
        self._version(keys.get("voicebot"), root)
        if "language" in keys:
            self._language(keys["language"])
        fields.read_library(keys.get("answers"))
        if "defaults" in keys:
            self._defaults(keys["defaults"])
        universals, endings = self._events(keys.get("on"))
        nodes = self._nodes(keys.get("nodes"), root)
        start = fields.text(keys["start"], "start") if "start" in keys else next(iter(nodes), "")
        return model.Flow(
            name=fields.text(keys["flow"], "flow") if "flow" in keys else self.path.stem,
            language=fields.text(keys["language"], "language") if "language" in keys else "en-US",
            start=start,
            variables=self._variables(keys.get("vars")),
            prompts={
                key.text: fields.prompts(value)
                for key, value in fields.entries(keys.get("prompts"), "prompts")
            },
            universals=universals,
            failed=endings.get("failed"),
            error=endings.get("error"),
            hangup=endings.get("hangup"),
            nodes=nodes,
            path=self.path,
            start_mark=keys.get("start", root).mark,
            expectations={
                q: Expectation(q, universals, fields.lexicon) for q in self.questions.found
            },
            secrets=_secrets(self.questions.found, self.sets),
        )

    def _version(self, node: Node | None, root: Node) -> None:
        if node is None:
            self.fields.missing(
                root, f"the file needs a line `voicebot: {VERSION}`, the version of the language"
            )
        elif yamlfile.plain(node) != VERSION:
            self.fields.error(
                node.mark,
                f"this voicebot reads version {VERSION} of the language: write `voicebot: {VERSION}`",
            )

    def _language(self, node: Node) -> None:
        found = entities.lexicon(self.fields.text(node, "language"))
        if found is None:
            self.fields.error(
                node.mark, "the language is not known here; there is en-US (any en-…)"
            )
        else:
            self.fields.lexicon = found

    def _defaults(self, node: Node) -> None:
        if isinstance(node, yamlfile.Mapping):
            for key, _ in node.entries:
                if key.text == "timeout":
                    self.fields.error(key.mark, "among the defaults it is called `no_input: 5s`")
                    return
        self.questions.defaults = self.fields.fields(node, "defaults", DEFAULTS)

    def _variables(self, node: Node | None) -> dict[str, model.Constant]:
        found: dict[str, model.Constant] = {}
        for key, value in self.fields.entries(node, "vars"):
            name = self.fields.variable(key.text, key.mark)
            if isinstance(value, yamlfile.Scalar):
                found[name] = value.value
            else:
                self.fields.error(
                    value.mark,
                    f'the variable "{name}" starts as a text, a number, true, false or null',
                )
        return found

    def _events(
        self, node: Node | None
    ) -> tuple[tuple[model.Universal, ...], dict[str, model.Block]]:
        universals: list[model.Universal] = []
        endings: dict[str, model.Block] = {}
        for key, value in self.fields.entries(node, "on"):
            name = key.text
            if name in _ENDINGS:
                keys = self.fields.fields(value, f"on: {name}", WAY, WAY_LATER)
                endings[name] = self.way(keys, value.mark)
            else:
                universals.append(self._universal(key, value))
        return tuple(universals), endings

    def _universal(self, name: yamlfile.Scalar, node: Node) -> model.Universal:
        keys = self.fields.fields(node, f"on: {name.text}", ("answers", "keys", *WAY), WAY_LATER)
        if "answers" not in keys and "keys" not in keys:
            near = did_you_mean(name.text, _ENDINGS)
            self.fields.missing(
                node, f'"{name.text}" is never heard: give it answers or keys{near}'
            )
        return model.Universal(
            name=name.text,
            phrases=self.fields.phrases(keys.get("answers")),
            keys=self.fields.keys(keys.get("keys")),
            way=(*self.way(keys, node.mark), model.Repeat(node.mark)),
            mark=node.mark,
        )

    def _nodes(self, node: Node | None, root: Node) -> dict[str, model.Node]:
        if node is None:
            self.fields.missing(root, "the flow has no nodes: add `nodes:` with at least one node")
            return {}
        entries = self.fields.entries(node, "nodes")
        if not entries and not self.fields.findings:
            self.fields.error(node.mark, "the flow has no nodes: add at least one")
        return {
            key.text: model.Node(key.text, self.block(value), value.mark) for key, value in entries
        }

    # Steps ---------------------------------------------------------------------------------

    def block(self, node: Node) -> model.Block:
        """A list of steps, or one step that stands alone."""
        items = node.items if isinstance(node, yamlfile.Sequence) else (node,)
        if not items:
            self.fields.error(node.mark, "there is no step here: add one, for example `- hangup`")
        return tuple(step for step in map(self.step, items) if step is not None)

    def step(self, node: Node) -> model.Step | None:
        if isinstance(node, yamlfile.Scalar):
            return self._bare_step(node)
        if isinstance(node, yamlfile.Sequence):
            self.fields.error(
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
            self.fields.error(
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
            self.fields.error(node.mark, f'"{node.text}" needs a value: write `- {node.text}: …`')
        elif node.text in _LATER:
            self.fields.later(node.text, node.mark)
        elif not node.text:
            self.fields.error(node.mark, "there is no step here: add one, for example `- hangup`")
        else:
            near = did_you_mean(node.text, _VERBS)
            self.fields.error(
                node.mark,
                f'"{node.text}" is not a step; there is hangup, repeat, and `verb: value`{near}',
            )
        return None

    def _no_verb(self, node: yamlfile.Mapping) -> None:
        if not node.entries:
            self.fields.error(
                node.mark, "an empty step: it needs a verb, one of " + ", ".join(_VERBS)
            )
            return
        later = next((key for key, _ in node.entries if key.text in _LATER), None)
        if later is not None:
            self.fields.later(later.text, later.mark)
            return
        first = node.entries[0][0]
        near = did_you_mean(first.text, _VERBS) or "; there is " + ", ".join(_VERBS)
        self.fields.error(first.mark, f'"{first.text}" is not a verb{near}')

    def _verb(  # noqa: C901 - a row for each verb
        self, verb: str, node: yamlfile.Mapping
    ) -> model.Step | None:
        allowed = ("if", "then", "else") if verb == "if" else (verb,)
        keys = self.fields.fields(node, f"a step `{verb}`", allowed)
        value = keys[verb]
        match verb:
            case "say":
                return model.Say(self.fields.prompts(value), value.mark)
            case "menu":
                return self.questions.menu(value)
            case "ask":
                return self.questions.ask(value)
            case "set":
                return self._set(value)
            case "if":
                return self._if(keys, node)
            case "goto":
                return model.Goto(self.fields.text(value, "goto"), value.mark)
            case "log":
                return model.Log(self.fields.template(value), value.mark)
            case "wait":
                return model.Wait(self.fields.duration(value), value.mark)
            case "hangup":
                return model.HangUp(value.mark)
            case _:
                return model.Repeat(value.mark)

    def _set(self, node: Node) -> model.Set:
        values: list[tuple[str, Template | model.Constant, Mark]] = []
        if not isinstance(node, yamlfile.Mapping) or not node.entries:
            self.fields.error(node.mark, "`set` is written as names with values: `set: {x: 1}`")
            return model.Set((), node.mark)
        for key, value in node.entries:
            name = self.fields.variable(key.text, key.mark)
            if isinstance(value, yamlfile.Scalar) and "${" not in value.text:
                values.append((name, value.value, value.mark))
            else:
                values.append((name, self.fields.template(value), value.mark))
        step = model.Set(tuple(values), node.mark)
        self.sets.append(step)
        return step

    def _if(self, keys: dict[str, Node], node: Node) -> model.If:
        if "then" not in keys and "else" not in keys:
            self.fields.missing(node, "an `if` needs `then:` or `else:` with steps")
        return model.If(
            condition=self.fields.expression(keys["if"]),
            then=self.block(keys["then"]) if "then" in keys else (),
            otherwise=self.block(keys["else"]) if "else" in keys else (),
            mark=keys["if"].mark,
        )

    # Ways on -------------------------------------------------------------------------------

    def way(self, keys: dict[str, Node], mark: Mark) -> model.Block:
        """Where a choice or event goes on: `goto`, or `do` with or without `then`."""
        if "goto" in keys:
            for other in ("do", "then"):
                if other in keys:
                    self.fields.error(
                        keys[other].mark,
                        f"`{other}` beside `goto`: write `do: […]` and `then: {{goto: …}}`",
                    )
            return (model.Goto(self.fields.text(keys["goto"], "goto"), keys["goto"].mark),)
        steps = self.block(keys["do"]) if "do" in keys else ()
        return steps + self._then(keys.get("then"))

    def _then(self, node: Node | None) -> model.Block:
        if node is None:
            return ()
        if isinstance(node, yamlfile.Scalar):
            return self._then_word(node)
        if isinstance(node, yamlfile.Sequence) or any(k.text in _VERBS for k, _ in node.entries
                                                      if k.text != "goto"):  # fmt: skip
            self.fields.error(node.mark, "steps stand in `do: […]`; `then` is one way on")
            return ()
        return self.way(self.fields.fields(node, "then", WAY, WAY_LATER), node.mark)

    def _then_word(self, node: yamlfile.Scalar) -> model.Block:
        if node.text in ("repeat", "hangup"):
            step = self._bare_step(node)
            return (step,) if step else ()
        if node.text == "return":
            self.fields.later("return", node.mark)
        else:
            self.fields.error(
                node.mark,
                f'"{node.text}" is not a way on: write `then: repeat` or '
                f"`then: {{goto: {node.text}}}`",
            )
        return ()


def _secrets(questions: Sequence[model.Question], sets: Sequence[model.Set]) -> frozenset[str]:
    """The variables that hold a secret: answers of secret questions and all that is made of them."""
    found = {question.to for question in questions if question.secret and question.to}
    made = [(name, v.names) for s in sets for name, v, _ in s.values if isinstance(v, Template)]
    while more := {name for name, names in made if names & found} - found:
        found |= more
    return frozenset(found)
