"""The tests of a flow as they are written: what the caller does, what the bot is to do.

Knows the words of `tests:`, where each stands in the file and what is wrong with it.  Must not know
how a test is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from voicebot.flow import yamlfile
from voicebot.flow.circumstances import Circumstances, read_circumstances
from voicebot.flow.fields import KEYS, Fields
from voicebot.flow.yamlfile import Finding, Mark, Node, Severity, did_you_mean


@dataclass(frozen=True, slots=True)
class BotSays:
    """A part of what the bot says in its turn, within so long after the caller's part ended."""

    text: str
    within_s: float | None
    mark: Mark


@dataclass(frozen=True, slots=True)
class CallerSays:
    """`early`: into what the bot is saying (barge-in)."""

    text: str
    early: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class CallerPlays:
    """A recording; `text` is what is said in it, for `--text`."""

    path: str
    text: str
    early: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class CallerPresses:
    keys: str
    early: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class CallerWaits:
    """Says nothing until the bot has given up waiting; or for so long."""

    for_s: float | None
    mark: Mark


@dataclass(frozen=True, slots=True)
class CallerHangsUp:
    mark: Mark


@dataclass(frozen=True, slots=True)
class Ends:
    """How the call ended.  None: it does not matter."""

    by: str | None
    """bot, caller or transfer."""
    to: str | None
    """What it was transferred to."""
    node: str | None
    vars: Mapping[str, object]
    tags: Mapping[str, str]
    results: Mapping[str, object]
    """What the dialplan is told; null: nothing of that name."""
    logged: tuple[str, ...]
    never_logged: tuple[str, ...]
    mark: Mark


ConversationStep: TypeAlias = (
    BotSays | CallerSays | CallerPlays | CallerPresses | CallerWaits | CallerHangsUp | Ends
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One test."""

    name: str
    call: Circumstances
    steps: tuple[ConversationStep, ...]
    mark: Mark


# Reading -----------------------------------------------------------------------------------------

BY: Final = ("bot", "caller", "transfer")
TEST: Final = ("name", "call", "steps")
STEPS: Final = ("bot", "caller", "ends")
CALLER: Final = ("say", "keys", "wav", "text", "silence", "hangup", "early")
_CALLER_DOES: Final = ("say", "keys", "wav", "silence", "hangup")
ENDS: Final = ("by", "to", "node", "vars", "tags", "results", "logged", "never_logged")
_BOT_FORM: Final = 'write a part of what the bot says, or {says: "part", within: 450ms}'
_CALLER_FORM: Final = (
    'write what the caller says, {keys: "12"}, {silence: true}, {hangup: true} or '
    '{wav: path, text: "words in it"}'
)


def read_file(path: Path) -> tuple[str, tuple[Conversation, ...], list[Finding]]:
    """Read a file of tests: `{voicebot: 1, flow: NAME, tests: [...]}`.

    Returns:
        The name of the flow that is tested, its tests, and all findings, sorted.
    """
    root, of_yaml = yamlfile.load(path)
    if root is None:
        return "", (), of_yaml
    fields = Fields(path)
    keys = fields.fields(root, "a file of tests", ("voicebot", "flow", "tests"))
    if "voicebot" not in keys:
        fields.missing(root, "the file needs a line `voicebot: 1`, the version of the language")
    elif yamlfile.plain(keys["voicebot"]) != 1:
        fields.error(
            keys["voicebot"].mark,
            "this voicebot reads version 1 of the language: write `voicebot: 1`",
        )
    if "flow" not in keys:
        fields.missing(root, "the file needs a line `flow: name`, the flow that is tested")
    flow = fields.text(keys["flow"], "flow") if "flow" in keys else ""
    if "tests" not in keys:
        fields.missing(root, "the file has no tests: add `tests:`, a list of them")
    tests = Conversations(fields).read(keys["tests"]) if "tests" in keys else ()
    told = {finding.mark for finding in of_yaml}  # where YAML is the cause, it is told once
    findings = [*of_yaml, *(f for f in fields.findings if f.mark not in told)]
    return flow, tests, yamlfile.sort_findings(findings)


class Conversations:
    """Reads the tests of one file.

    Args:
        fields: reads their values and keeps what is wrong.
    """

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def read(self, node: Node) -> tuple[Conversation, ...]:
        """`tests:`, a list."""
        found: dict[str, Conversation] = {}
        none_yet = isinstance(node, yamlfile.Sequence) and not node.items
        for item in () if none_yet else self._fields.items(node, "tests"):
            test = self._test(item)
            if test.name in found:
                self._fields.error(
                    test.mark,
                    f'the test "{test.name}" is already there at {found[test.name].mark}; rename one',
                )
            else:
                found[test.name] = test
        return tuple(found.values())

    def _test(self, node: Node) -> Conversation:
        fields = self._fields
        keys = fields.fields(node, "a test", TEST)
        if "name" not in keys:
            fields.missing(node, "a test needs `name:`, what it shows")
        if "steps" not in keys:
            fields.missing(node, "a test needs `steps:`, what the bot and the caller say in turn")
        name = fields.text(keys["name"], "name") if "name" in keys else f"(test at {node.mark})"
        steps = self._steps(keys["steps"]) if "steps" in keys else ()
        return Conversation(
            name, read_circumstances(self._fields, keys.get("call")), steps, node.mark
        )

    # Steps ---------------------------------------------------------------------------------

    def _steps(self, node: Node) -> tuple[ConversationStep, ...]:
        found: list[ConversationStep] = []
        over: ConversationStep | None = None
        told = False
        for item in self._fields.items(node, "steps"):
            for step in self._step(item):
                if over is not None and not told and not _may_follow(step, over):
                    told = True
                    self._fields.error(
                        step.mark,
                        "nothing can follow `ends`"
                        if isinstance(over, Ends)
                        else "only `ends` can follow: the caller has hung up",
                    )
                found.append(step)
                if isinstance(step, Ends | CallerHangsUp):
                    over = step
        return tuple(found)

    def _step(self, node: Node) -> tuple[ConversationStep, ...]:
        fields = self._fields
        if isinstance(node, yamlfile.Scalar) and node.text == "ends":
            return (_no_matter(node.mark),)
        if isinstance(node, yamlfile.Scalar):
            near = did_you_mean(node.text, STEPS)
            fields.error(
                node.mark,
                f"a step of a test is `bot: part`, `caller: words` or `ends: {{by: bot}}`{near}",
            )
            return ()
        keys = fields.fields(node, "a step of a test", (*STEPS, "within", "early"))
        kinds = [kind for kind in STEPS if kind in keys]
        if len(kinds) != 1:
            if kinds:
                fields.error(
                    keys[kinds[1]].mark,
                    f'"{kinds[0]}" and "{kinds[1]}" are two steps: begin each with `-`',
                )
            else:
                fields.missing(node, "a step of a test needs `bot:`, `caller:` or `ends:`")
            return ()
        beside = {"bot": "early", "caller": "within", "ends": "within"}[kinds[0]]
        if beside in keys or (kinds[0] == "ends" and "early" in keys):
            wrong = beside if beside in keys else "early"
            owner = "bot" if wrong == "within" else "caller"
            fields.error(keys[wrong].mark, f"`{wrong}` belongs to a step `{owner}:`")
        return self._of_kind(kinds[0], keys, node)

    def _of_kind(
        self, kind: str, keys: dict[str, Node], node: Node
    ) -> tuple[ConversationStep, ...]:
        value = keys[kind]
        if kind == "bot":
            return self._bot(value, keys.get("within"), node.mark)
        if kind == "caller":
            return self._caller(value, keys.get("early"), node.mark)
        return (self._ends(value, node.mark),)

    def _bot(self, node: Node, within: Node | None, mark: Mark) -> tuple[BotSays, ...]:
        fields = self._fields
        if isinstance(node, yamlfile.Mapping):
            keys = fields.fields(node, "`bot`", ("says", "within"))
            within = keys.get("within", within)
            if "says" not in keys:
                fields.missing(node, _BOT_FORM)
                return ()
            node = keys["says"]
        within_s = fields.duration(within) if within is not None else None
        found: list[BotSays] = []
        for text, place in fields.texts(node):
            if not any(char.isalnum() for char in text):
                fields.error(place, f"nothing to listen for: {_BOT_FORM}")
            # Of several parts the first is what the caller waits for.
            found.append(BotSays(text, None if found else within_s, place if found else mark))
        return tuple(found)

    def _caller(self, node: Node, beside: Node | None, mark: Mark) -> tuple[ConversationStep, ...]:
        fields = self._fields
        early = beside is not None and fields.truth(beside, "early")
        if isinstance(node, yamlfile.Scalar):
            if node.value is None and node.plain:
                fields.error(node.mark, 'nothing stands here: for saying nothing write ""')
            if not node.text.strip():
                return (CallerWaits(None, mark),)
            return (CallerSays(self._words(node), early, mark),)
        keys = fields.fields(node, "`caller`", CALLER)
        does = self._done(keys, node)
        if does is None:
            return ()
        early = fields.truth(keys["early"], "early") if "early" in keys else early
        return (self._does(does, keys, early=early, mark=mark),)

    def _done(self, keys: dict[str, Node], node: Node) -> str | None:
        """Which one thing the caller does."""
        fields = self._fields
        does = [key for key in _CALLER_DOES if key in keys]
        if not does:
            fields.missing(node, _CALLER_FORM)
            return None
        if len(does) > 1:
            fields.error(
                keys[does[1]].mark,
                f'"{does[0]}" and "{does[1]}" are two steps: begin each with `- caller:`',
            )
        if "text" in keys and does[0] != "wav":
            fields.error(keys["text"].mark, "`text` belongs to `wav`; what is spoken is `say`")
        if does[0] == "wav" and "text" not in keys:
            fields.missing(
                node, "a recording needs `text:`, the words in it, for tests without audio"
            )
        return does[0]

    def _does(
        self, does: str, keys: dict[str, Node], *, early: bool, mark: Mark
    ) -> ConversationStep:
        node = keys[does]
        match does:
            case "say":
                return CallerSays(self._words(node), early, mark)
            case "keys":
                return CallerPresses(self._pressed(node), early, mark)
            case "wav":
                words = self._words(keys["text"]) if "text" in keys else ""
                return CallerPlays(self._sound_file(node), words, early, mark)
            case "silence":
                return self._waits(node, mark)
            case _:
                if not self._fields.truth(node, "hangup"):
                    self._fields.error(node.mark, "the caller hangs up or not: write `true`")
                return CallerHangsUp(mark)

    def _words(self, node: Node) -> str:
        text = self._fields.text(node, "what the caller says")
        if not any(char.isalnum() for char in text):
            self._fields.error(node.mark, f'"{text}" has no word that a caller could say')
        return text

    def _pressed(self, node: Node) -> str:
        keys = self._fields.text(node, "keys").upper().replace(" ", "")
        if not keys or any(key not in KEYS for key in keys):
            self._fields.error(
                node.mark,
                f'"{keys}" are not keys: keys are 0-9, * and #, in quotes: {{keys: "12"}}',
            )
            return ""
        return keys

    def _sound_file(self, node: Node) -> str:
        path = self._fields.path.parent / self._fields.text(node, "wav")
        if not path.is_file():
            # The flow itself is none the worse for it.
            message = f"there is no sound file {path}; the path counts from this file"
            self._fields.findings.append(Finding(node.mark, Severity.WARNING, message))
        return str(path)

    def _waits(self, node: Node, mark: Mark) -> CallerWaits:
        value = yamlfile.plain(node)
        if value is True:
            return CallerWaits(None, mark)
        if value is False:
            self._fields.error(node.mark, "write `true`, or how long: `{silence: 3s}`")
            return CallerWaits(None, mark)
        return CallerWaits(self._fields.duration(node), mark)

    # The end -------------------------------------------------------------------------------

    def _ends(self, node: Node, mark: Mark) -> Ends:
        fields = self._fields
        if isinstance(node, yamlfile.Scalar):
            return _no_matter(mark, by=self._by(node))
        keys = fields.fields(node, "`ends`", ENDS)
        by = self._by(keys["by"]) if "by" in keys else None
        if "to" in keys:
            if by not in (None, "transfer"):
                fields.error(
                    keys["to"].mark, "`to` says where a call was transferred: `by: transfer`"
                )
            by = "transfer"
        return Ends(
            by=by,
            to=fields.text(keys["to"], "to") if "to" in keys else None,
            node=fields.text(keys["node"], "node") if "node" in keys else None,
            vars={
                name.text: yamlfile.plain(value)
                for name, value in fields.entries(keys.get("vars"), "vars")
            },
            tags={
                name.text: fields.text(value, "a tag")
                for name, value in fields.entries(keys.get("tags"), "tags")
            },
            results={
                name.text: yamlfile.plain(value)
                for name, value in fields.entries(keys.get("results"), "results")
            },
            logged=self._parts(keys.get("logged")),
            never_logged=self._parts(keys.get("never_logged")),
            mark=mark,
        )

    def _by(self, node: Node) -> str | None:
        by = self._fields.text(node, "by")
        if by in BY:
            return by
        near = did_you_mean(by, BY)
        self._fields.error(
            node.mark, f'a call ends by {", ".join(BY[:-1])} or {BY[-1]}, not by "{by}"{near}'
        )
        return None

    def _parts(self, node: Node | None) -> tuple[str, ...]:
        found = self._fields.texts(node) if node is not None else []
        for text, mark in found:
            if not text.strip():
                self._fields.error(mark, "there is nothing here to look for: write a part of it")
        return tuple(text for text, _ in found)


def _no_matter(mark: Mark, by: str | None = None) -> Ends:
    return Ends(by, None, None, {}, {}, {}, (), (), mark)


def _may_follow(step: ConversationStep, over: ConversationStep) -> bool:
    return isinstance(step, Ends) and isinstance(over, CallerHangsUp)
