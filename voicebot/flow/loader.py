"""A flow file → model.Flow, with every mistake of its shape at its place.

Knows the file's own keys, and the other files that it calls.  Must not know the steps (steps.py),
how the parts of a flow hang together (check.py) or how a call goes through it (dialog.py).  The only
file of this room, with yamlfile, that reads files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from voicebot.flow import model, yamlfile
from voicebot.flow.conversations import Conversations
from voicebot.flow.expectation import Expectation
from voicebot.flow.expressions import Template
from voicebot.flow.fields import Fields
from voicebot.flow.questions import DEFAULTS, WAY
from voicebot.flow.steps import Steps
from voicebot.flow.yamlfile import Finding, Mark, Node, Severity, did_you_mean

VERSION: Final = 1

TOP: Final = ("voicebot", "flow", "language", "start", "vars", "prompts", "answers", "defaults", "on",
        "nodes", "tests")  # fmt: skip
ENDINGS: Final = ("failed", "error", "hangup")


@dataclass(frozen=True, slots=True)
class _Caller:
    """The flow that calls the one being read."""

    path: Path
    universals: tuple[model.Universal, ...]
    """What is heard in its questions."""
    caller: _Caller | None

    def paths(self) -> tuple[Path, ...]:
        return (self.path, *(self.caller.paths() if self.caller else ()))


def load_flow(path: Path) -> tuple[model.Flow | None, list[Finding]]:
    """Read one flow file, and those that it calls.

    Returns:
        The flow, or None when an error keeps it from being used; and all findings, sorted.
    """
    return _load(path, None)


def read_flow(path: Path) -> tuple[model.Flow | None, list[Finding]]:
    """As load_flow(), but gives the flow also where it has errors, as far as it could be read.

    That is for the proofs that hold of a part of a flow, so that all findings are told at once.
    """
    return _read(path, None)


def _load(path: Path, caller: _Caller | None) -> tuple[model.Flow | None, list[Finding]]:
    flow, findings = _read(path, caller)
    broken = any(f.severity is Severity.ERROR for f in findings)
    return (None if broken else flow), findings


def _read(path: Path, caller: _Caller | None) -> tuple[model.Flow | None, list[Finding]]:
    root, findings = yamlfile.load(path)
    if root is None:
        return None, findings
    reader = _Reader(path, caller)
    flow = reader.flow(root)
    findings = [*_told_once(findings, reader.fields.findings), *reader.of_called]
    return flow, yamlfile.sort_findings(findings)


def _told_once(of_yaml: list[Finding], of_flow: list[Finding]) -> list[Finding]:
    """Both; where both find fault with one place, YAML's is the cause ("a # starts a comment")."""
    wrong = {finding.mark for finding in of_flow}
    causes = [replace(f, severity=Severity.ERROR) if f.mark in wrong else f for f in of_yaml]
    places = {finding.mark for finding in of_yaml}
    return [*causes, *(f for f in of_flow if f.mark not in places)]


class _Reader:
    """Walks the nodes of one file."""

    def __init__(self, path: Path, caller: _Caller | None) -> None:
        self.path = path
        self.fields = Fields(path)
        self.steps = Steps(self.fields, self._called)
        self.of_called: list[Finding] = []
        """What is wrong in the flows that are called."""
        self._caller = caller
        self._nodes_named: frozenset[str] = frozenset()
        self._heads: tuple[model.Universal, ...] = ()
        """The universals as far as a called flow needs them: what is heard, not where it leads."""
        self._found: dict[str, Path | None] = {}
        """By name: the files of the flows that are called; looking for one may read the folder."""
        self._loaded: dict[Path, model.Flow | None] = {}

    # The file ------------------------------------------------------------------------------

    def flow(self, root: Node) -> model.Flow:
        fields, questions = self.fields, self.steps.questions
        keys = fields.fields(root, "a flow", TOP)
        self._version(keys.get("voicebot"), root)
        fields.read_languages(root, keys.get("language"))
        fields.read_library(keys.get("answers"))
        if "defaults" in keys:
            self._defaults(keys["defaults"])
        self._nodes_named = _names(keys.get("nodes"))
        universals, endings = self._events(keys.get("on"))
        nodes = self._nodes(keys.get("nodes"), root)
        start = fields.text(keys["start"], "start") if "start" in keys else next(iter(nodes), "")
        inherited = _not_of_the_same_name(self._caller, universals)
        return model.Flow(
            name=fields.text(keys["flow"], "flow") if "flow" in keys else self.path.stem,
            language=fields.language,
            languages=tuple(fields.languages),
            start=start,
            variables=self._variables(keys.get("vars")),
            prompts={
                key.text: fields.prompts(value)
                for key, value in fields.entries(keys.get("prompts"), "prompts")
            },
            universals=universals,
            inherited=inherited,
            failed=endings.get("failed"),
            error=endings.get("error"),
            hangup=endings.get("hangup"),
            nodes=nodes,
            currency=questions.currency(),
            path=self.path,
            start_mark=keys.get("start", root).mark,
            language_mark=keys.get("language", root).mark,
            expectations=self._expectations((*universals, *inherited)),
            secrets=_secrets(self.steps),
            asks_secret=any(question.secret for question in questions.found)
            or any(flow.asks_secret for flow in self._loaded.values() if flow is not None),
            tests=Conversations(fields).read(keys["tests"]) if "tests" in keys else (),
        )

    def _expectations(
        self, heard: tuple[model.Universal, ...]
    ) -> dict[tuple[model.Question, str], Expectation]:
        beside: dict[model.Question, tuple[model.Question, ...]] = {}
        for form in self.steps.questions.forms:
            for question in (*form.slots, *([form.confirm] if form.confirm else ())):
                beside[question] = tuple(slot for slot in form.slots if slot is not question)
        return {
            (question, tag): Expectation(question, heard, language, others=beside.get(question, ()))
            for question in self.steps.questions.found
            for tag, language in self.fields.languages.items()
        }

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

    def _defaults(self, node: Node) -> None:
        if isinstance(node, yamlfile.Mapping):
            for key, _ in node.entries:
                if key.text == "timeout":
                    self.fields.error(key.mark, "among the defaults it is called `no_input: 5s`")
                    return
        self.steps.questions.defaults = self.fields.fields(node, "defaults", DEFAULTS)

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
    ) -> tuple[tuple[model.Universal, ...], dict[str, model.Handler]]:
        entries = self.fields.entries(node, "on")
        heads = [self._head(key, value) for key, value in entries if key.text not in ENDINGS]
        self._heads = tuple(head for head, _ in heads)
        universals = tuple(
            replace(head, way=(*self.steps.way(keys, head.mark), model.Repeat(head.mark)))
            for head, keys in heads
        )
        endings: dict[str, model.Handler] = {}
        for key, value in entries:
            if key.text in ENDINGS:
                keys = self.fields.fields(value, f"on: {key.text}", WAY)
                endings[key.text] = model.Handler(self.steps.way(keys, value.mark), value.mark)
        return universals, endings

    def _head(self, name: yamlfile.Scalar, node: Node) -> tuple[model.Universal, dict[str, Node]]:
        keys = self.fields.fields(node, f"on: {name.text}", ("answers", "keys", *WAY))
        if "answers" not in keys and "keys" not in keys:
            near = did_you_mean(name.text, ENDINGS)
            self.fields.missing(
                node, f'"{name.text}" is never heard: give it answers or keys{near}'
            )
        said = self.fields.phrases(keys.get("answers"))
        pressed = self.fields.keys(keys.get("keys"))
        return model.Universal(name.text, said, pressed, (), node.mark), keys

    def _nodes(self, node: Node | None, root: Node) -> dict[str, model.Node]:
        if node is None:
            self.fields.missing(root, "the flow has no nodes: add `nodes:` with at least one node")
            return {}
        entries = self.fields.entries(node, "nodes")
        if not entries and not self.fields.findings:
            self.fields.error(node.mark, "the flow has no nodes: add at least one")
        return {
            key.text: model.Node(key.text, self.steps.block(value), value.mark)
            for key, value in entries
        }

    # Called flows --------------------------------------------------------------------------

    def _called(self, name: str, mark: Mark) -> model.Flow | None:
        """The flow that a call names; None for a node, and for what is not there (check.py)."""
        if name in self._nodes_named:
            return None
        if name not in self._found:
            self._found[name] = find_flow(self.path.parent, name)
        path = self._found[name]
        if path is None:
            return None
        caller = _Caller(self.path, self._heard_here(), self._caller)
        if path.resolve() in [p.resolve() for p in caller.paths()]:
            self.fields.error(mark, f'the flow "{name}" is called from itself: it would never end')
            return None
        if path not in self._loaded:
            flow, findings = _load(path, caller)
            self._loaded[path] = flow
            self.of_called += findings
        if self._loaded[path] is None:
            self.fields.error(mark, f'the flow "{name}" has errors: correct {path}')
        return self._loaded[path]

    def _heard_here(self) -> tuple[model.Universal, ...]:
        return (*self._heads, *_not_of_the_same_name(self._caller, self._heads))


def find_flow(folder: Path, name: str) -> Path | None:
    """The file of the flow of that name: NAME.yaml, or one that says `flow: NAME`."""
    direct = folder / f"{name}.yaml"
    if re.fullmatch(r"[\w-]+", name) and direct.is_file():
        return direct
    line = re.compile(rf"^flow:\s*[\"']?{re.escape(name)}[\"']?\s*(#.*)?$", re.MULTILINE)
    for path in sorted(folder.glob("*.yaml")):
        try:
            if line.search(path.read_text("utf-8")):
                return path
        except (OSError, UnicodeDecodeError):
            continue  # it is none that can be called; a check of that file tells why
    return None


def _names(node: Node | None) -> frozenset[str]:
    entries = node.entries if isinstance(node, yamlfile.Mapping) else ()
    return frozenset(key.text for key, _ in entries)


def _not_of_the_same_name(
    caller: _Caller | None, own: Sequence[model.Universal]
) -> tuple[model.Universal, ...]:
    names = {universal.name for universal in own}
    heard = caller.universals if caller is not None else ()
    return tuple(universal for universal in heard if universal.name not in names)


def _secrets(steps: Steps) -> frozenset[str]:
    """The variables that hold a secret: answers of secret questions and all that is made of them."""
    found = {question.to for question in steps.questions.found if question.secret and question.to}
    made = [
        (name, v.names) for s in steps.sets for name, v, _ in s.values if isinstance(v, Template)
    ]
    while more := {name for name, names in made if names & found} - found:
        found |= more
    return frozenset(found)
