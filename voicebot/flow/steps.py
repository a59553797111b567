"""The steps of a node and the ways on of a choice or event → model.Block.

Knows every verb and its keys.  Must not know what stands in a question (questions.py), how a value
is written (fields.py), the rest of the file (loader.py) or whether the parts fit together (check.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from voicebot.flow import dialled, model, yamlfile
from voicebot.flow.events import TransferKind
from voicebot.flow.expressions import Template, literal
from voicebot.flow.fields import Fields, as_way
from voicebot.flow.questions import WAY, Questions
from voicebot.flow.yamlfile import Mark, Node, did_you_mean

VERBS: Final = ("say", "menu", "ask", "form", "set", "if", "goto", "call", "return", "http",
                "transfer", "record", "wait", "log", "tag", "language", "hangup", "repeat")  # fmt: skip
BESIDE: Final = {"if": ("then", "else"), "call": ("with", "to", "then")}
"""Keys that stand beside a verb."""
BARE: Final = ("hangup", "repeat", "return")
"""Verbs that need no value."""

METHODS: Final = ("get", "post", "put", "patch", "delete")
HTTP: Final = (*METHODS, "query", "headers", "json", "timeout", "hold", "to", "failed")
TRANSFER_TO: Final = {
    "to": ("to", "context", "wait", "announce", "whisper", "failed"),
    "queue": ("queue", "wait", "announce", "failed"),
    "voicemail": ("voicemail", "announce", "failed"),
}
"""What a transfer may go to, each with all keys that it may have."""
TRANSFER: Final = ("to", "queue", "voicemail", "context", "wait", "announce", "whisper", "failed")
RECORD: Final = ("to", "say", "beep", "finish", "max", "silence", "secret")

_HTTP_TIMEOUT_S: Final = 5.0
_TRANSFER_WAIT_S: Final = 30.0
_QUEUE_WAIT_S: Final = 300.0
_RECORD_MAX_S: Final = 120.0
_RECORD_SILENCE_S: Final = 4.0

_NOBODY: Final = (literal(""), TransferKind.EXTENSION)
_KINDS: Final = {"to": "extension", "queue": "queue", "voicemail": "voicemail"}
_NOT_BESIDE: Final = {
    "context": "`context` belongs to an extension, not to a {}",
    "whisper": "`whisper` is for the one who is called with `to`: a {} has prompts of its own",
    "wait": "`wait` belongs to `to` and `queue`: a {} takes the call at once",
}
"""Keys of a transfer that mean nothing beside a queue or a voicemail."""

_Keys = dict[str, Node]


class Steps:
    """Reads the steps of one file.

    Args:
        fields: reads their values.
        called: gives the flow that a `call` names, None where it names a node.
    """

    def __init__(self, fields: Fields, called: Callable[[str, Mark], model.Flow | None]) -> None:
        self.questions = Questions(fields, self.way)
        self.sets: list[model.Set] = []
        self.calls: list[model.Call] = []
        self._fields = fields
        self._called = called

    def block(self, node: Node) -> model.Block:
        """A list of steps, or one step that stands alone."""
        items = node.items if isinstance(node, yamlfile.Sequence) else (node,)
        if not items:
            self._fields.error(node.mark, "there is no step here: add one, for example `- hangup`")
        return tuple(step for item in items for step in self._step(item))

    # One step ------------------------------------------------------------------------------

    def _step(self, node: Node) -> model.Block:
        if isinstance(node, yamlfile.Scalar):
            return self._bare_step(node)
        if isinstance(node, yamlfile.Sequence):
            self._fields.error(
                node.mark, "a step is one verb with its values, not a list: take out one `-`"
            )
            return ()
        verb = self._its_verb(node)
        if not verb:
            return ()
        keys = self._fields.fields(node, f"a step `{verb}`", (verb, *BESIDE.get(verb, ())))
        return self._verb(verb, keys, node)

    def _its_verb(self, node: yamlfile.Mapping) -> str:
        names = [key.text for key, _ in node.entries]
        verbs = [name for name in names if name in VERBS]
        if not verbs:
            self._no_verb(node)
            return ""
        if len(verbs) > 1:
            second = next(key for key, _ in node.entries if key.text == verbs[1])
            self._fields.error(
                second.mark,
                f'a step has one verb, this one has "{verbs[0]}" and "{verbs[1]}": '
                f"begin a new step with `- {verbs[1]}:`",
            )
            return ""
        return verbs[0]

    def _bare_step(self, node: yamlfile.Scalar) -> model.Block:
        match node.text:
            case "hangup":
                return (model.HangUp(node.mark),)
            case "repeat":
                return (model.Repeat(node.mark),)
            case "return":
                return (model.Return(None, node.mark),)
            case verb if verb in VERBS:
                self._fields.error(node.mark, f'"{verb}" needs a value: write `- {verb}: …`')
            case "":
                self._fields.error(
                    node.mark, "there is no step here: add one, for example `- hangup`"
                )
            case other if other.partition(" ")[0] in VERBS:
                verb, _, value = other.partition(" ")
                self._fields.error(
                    node.mark, f"a colon is missing: write `{verb}: {value.strip()}`"
                )
            case other:
                near = did_you_mean(other, VERBS)
                self._fields.error(
                    node.mark,
                    f'"{other}" is not a step; there is {", ".join(BARE)}, and `verb: value`{near}',
                )
        return ()

    def _no_verb(self, node: yamlfile.Mapping) -> None:
        if not node.entries:
            self._fields.error(
                node.mark, "an empty step: it needs a verb, one of " + ", ".join(VERBS)
            )
            return
        first = node.entries[0][0]
        if first.text in BESIDE["if"]:
            self._fields.error(
                first.mark, f"`{first.text}` belongs to an `if`: put both into one step"
            )
            return
        near = did_you_mean(first.text, VERBS) or "; there is " + ", ".join(VERBS)
        self._fields.error(first.mark, f'"{first.text}" is not a verb{near}')

    def _verb(self, verb: str, keys: _Keys, node: Node) -> model.Block:  # noqa: C901, PLR0912 - a row for each verb
        value, fields = keys[verb], self._fields
        match verb:
            case "say":
                return (model.Say(fields.prompts(value), value.mark),)
            case "menu":
                return (self.questions.menu(value),)
            case "ask":
                return (self.questions.ask(value),)
            case "form":
                return (self.questions.form(value),)
            case "set":
                return (self._set(value),)
            case "if":
                return (self._if(keys, node),)
            case "goto":
                return (model.Goto(fields.text(value, "goto"), value.mark),)
            case "call":
                return self._call(keys)
            case "return":
                return (model.Return(fields.data(value), value.mark),)
            case "http":
                return (self._http(value),)
            case "transfer":
                return (self._transfer(value),)
            case "record":
                return (self._record(value),)
            case "wait":
                return (model.Wait(fields.duration(value), value.mark),)
            case "log":
                return (model.Log(fields.template(value), value.mark),)
            case "tag":
                return (model.Tag(self._values(value, "tag"), value.mark),)
            case "language":
                return (model.Language(fields.text(value, "language"), value.mark),)
            case "hangup":
                return (model.HangUp(value.mark),)
            case _:
                return (model.Repeat(value.mark),)

    # Verbs ---------------------------------------------------------------------------------

    def _set(self, node: Node) -> model.Set:
        for key, _ in node.entries if isinstance(node, yamlfile.Mapping) else ():
            self._fields.variable(key.text, key.mark)
        step = model.Set(self._values(node, "set"), node.mark)
        self.sets.append(step)
        return step

    def _values(
        self, node: Node, what: str
    ) -> tuple[tuple[str, Template | model.Constant, Mark], ...]:
        if not isinstance(node, yamlfile.Mapping) or not node.entries:
            self._fields.error(
                node.mark, f"`{what}` is written as names with values: `{what}: {{x: 1}}`"
            )
            return ()
        return tuple((key.text, self._fields.value(v), v.mark) for key, v in node.entries)

    def _if(self, keys: _Keys, node: Node) -> model.If:
        if "then" not in keys and "else" not in keys:
            self._fields.missing(node, "an `if` needs `then:` or `else:` with steps")
        return model.If(
            condition=self._fields.expression(keys["if"]),
            then=self.block(keys["then"]) if "then" in keys else (),
            otherwise=self.block(keys["else"]) if "else" in keys else (),
            mark=keys["if"].mark,
        )

    def _call(self, keys: _Keys) -> model.Block:
        node, fields = keys["call"], self._fields
        target = fields.text(node, "call")
        arguments = tuple(
            (fields.variable(key.text, key.mark), fields.data(value), key.mark)
            for key, value in fields.entries(keys.get("with"), "with")
        )
        to = fields.target(keys["to"]) if "to" in keys else None
        step = model.Call(target, self._called(target, node.mark), arguments, to, node.mark)
        self.calls.append(step)
        return (step, *self._then(keys.get("then")))

    def _http(self, node: Node) -> model.Http:
        fields = self._fields
        keys = fields.fields(node, "http", HTTP)
        methods = [name for name in keys if name in METHODS]
        if not methods:
            fields.missing(node, "http needs a method and a URL, such as `get: http://…`")
        elif len(methods) > 1:
            fields.error(
                keys[methods[1]].mark, f"one request, one method: take `{methods[0]}` or this"
            )
        url = keys[methods[0]] if methods else None
        if isinstance(url, yamlfile.Scalar) and not url.text.startswith(
            ("http://", "https://", "${")
        ):
            fields.error(url.mark, f'"{url.text}" is not a URL: begin it with http:// or https://')
        return model.Http(
            method=methods[0].upper() if methods else "GET",
            url=fields.template(url) if url is not None else literal(""),
            query=self._texts(keys.get("query"), "query"),
            headers=self._texts(keys.get("headers"), "headers"),
            json=fields.data(keys["json"]) if "json" in keys else None,
            timeout_s=fields.duration(keys["timeout"]) if "timeout" in keys else _HTTP_TIMEOUT_S,
            hold=fields.prompts(keys.get("hold")),
            to=fields.target(keys["to"]) if "to" in keys else None,
            failed=self.questions.failed(keys.get("failed")),
            mark=node.mark,
        )

    def _texts(self, node: Node | None, what: str) -> tuple[tuple[str, Template], ...]:
        entries = self._fields.entries(node, what)
        return tuple((key.text, self._fields.template(value)) for key, value in entries)

    def _transfer(self, node: Node) -> model.Transfer:
        fields = self._fields
        keys = {"to": node}
        if not isinstance(node, yamlfile.Scalar):
            keys = fields.fields(node, "transfer", TRANSFER)
        target = self._target(keys, node)
        to, kind = self._dialled(keys[target], target) if target in keys else _NOBODY
        self._belongs(keys, target, kind)
        wait_s = _QUEUE_WAIT_S if kind is TransferKind.QUEUE else _TRANSFER_WAIT_S
        return model.Transfer(
            to=to,
            kind=kind,
            context=self._context(keys["context"]) if "context" in keys else None,
            wait_s=fields.duration(keys["wait"]) if "wait" in keys else wait_s,
            announce=fields.prompts(keys.get("announce")),
            whisper=fields.prompts(keys.get("whisper")),
            failed=self.questions.failed(keys.get("failed")),
            mark=node.mark,
        )

    def _target(self, keys: _Keys, node: Node) -> str:
        """The key that says where the transfer goes."""
        targets = [name for name in TRANSFER_TO if name in keys]
        if not targets:
            self._fields.missing(
                node,
                'transfer needs `to:`, an extension such as "400" or a channel such as '
                '"PJSIP/alice"; or `queue:`, or `voicemail:`',
            )
            return ""
        for other in targets[1:]:
            self._fields.error(
                keys[other].mark, f"a transfer goes to one place: take `{targets[0]}` or this"
            )
        return targets[0]

    def _dialled(self, node: Node, target: str) -> tuple[Template, TransferKind]:
        """Where a transfer goes; what is written of it must be such as can be dialled."""
        to = self._fields.template(node)
        written = "".join(part for part in to.parts if isinstance(part, str))
        kind = TransferKind(_KINDS[target])
        if target == "to" and "/" in written:
            kind = TransferKind.CHANNEL
        if to.parts == ("",):
            self._fields.error(node.mark, f"there is nobody to transfer to: `{target}` is empty")
        elif problem := dialled.problem(written, kind):
            hint = ": write the context behind `context:`" if "@" in written else ""
            self._fields.error(node.mark, f'"{written}" cannot be dialled: {problem}{hint}')
        return to, kind

    def _context(self, node: Node) -> Template:
        context = self._fields.template(node)
        written = "".join(part for part in context.parts if isinstance(part, str))
        if problem := dialled.problem_of_context(written):
            self._fields.error(node.mark, f'"{written}" is no context: {problem}')
        return context

    def _belongs(self, keys: _Keys, target: str, kind: TransferKind) -> None:
        """Tell of the keys that mean nothing for such a target."""
        for name in keys:
            if target and name not in TRANSFER_TO and name not in TRANSFER_TO[target]:
                self._fields.error(keys[name].mark, _NOT_BESIDE[name].format(target))
        if kind is TransferKind.CHANNEL and "context" in keys:
            self._fields.error(
                keys["context"].mark, "`context` belongs to an extension: a channel has none"
            )

    def _record(self, node: Node) -> model.Record:
        fields = self._fields
        keys = fields.fields(node, "record", RECORD)
        if "to" not in keys:
            fields.missing(node, "record needs `to:`, the variable for the file's path")
        return model.Record(
            to=fields.target(keys["to"]) if "to" in keys else "",
            say=fields.prompts(keys.get("say")),
            beep=fields.truth(keys["beep"], "beep") if "beep" in keys else True,
            finish=fields.finish_key(keys.get("finish")),
            max_s=fields.duration(keys["max"]) if "max" in keys else _RECORD_MAX_S,
            silence_s=fields.duration(keys["silence"]) if "silence" in keys else _RECORD_SILENCE_S,
            secret="secret" in keys and fields.truth(keys["secret"], "secret"),
            mark=node.mark,
        )

    # Ways on -------------------------------------------------------------------------------

    def way(self, keys: _Keys, mark: Mark) -> model.Block:
        """Where a choice or event goes on: `goto`, `call`, or `do` with or without `then`."""
        for first, others in (("goto", ("do", "then", "call")), ("call", ("do",))):
            for other in others if first in keys else ():
                if other in keys:
                    self._fields.error(
                        keys[other].mark,
                        f"`{other}` beside `{first}`: write `do: […]` and `then: {{{first}: …}}`",
                    )
                    return ()
        for name in ("with", "to"):
            if name in keys and "call" not in keys:
                self._fields.error(keys[name].mark, f"`{name}` belongs to a `call`")
        if "goto" in keys:
            return (model.Goto(self._fields.text(keys["goto"], "goto"), keys["goto"].mark),)
        if "call" in keys:
            return self._call(keys)
        steps = self.block(keys["do"]) if "do" in keys else ()
        return steps + self._then(keys.get("then"))

    def _then(self, node: Node | None) -> model.Block:
        if node is None:
            return ()
        if isinstance(node, yamlfile.Scalar):
            if node.text in BARE:
                return self._bare_step(node)
            self._fields.error(
                node.mark,
                f'"{node.text}" is not a way on: write `then: repeat` or '
                f"`then: {as_way(node.text)}`",
            )
            return ()
        steps = isinstance(node, yamlfile.Sequence) or any(
            key.text in VERBS and key.text not in WAY for key, _ in node.entries
        )
        if steps:
            self._fields.error(node.mark, "steps stand in `do: […]`; `then` is one way on")
            return ()
        return self.way(self._fields.fields(node, "then", WAY), node.mark)
