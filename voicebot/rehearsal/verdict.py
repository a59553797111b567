"""How a call ended against how a test says that it ends, and what of it would be kept.

Knows `ends:` of a test and everything of a call that goes into a log, a trace or a call record.
Must not know how the call was played.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from voicebot.flow import events as ev
from voicebot.flow.conversations import Ends
from voicebot.flow.dialled import named
from voicebot.flow.dialog import Dialog
from voicebot.flow.expressions import as_text
from voicebot.flow.masking import MASK
from voicebot.flow.yamlfile import did_you_mean
from voicebot.rehearsal.said import contains


@dataclass(frozen=True, slots=True)
class End:
    """How a call came to its end."""

    by: str
    """bot, caller or transfer."""
    transfer: ev.Transfer | None = None

    def __str__(self) -> str:
        return {
            "bot": "the bot hung up",
            "caller": "the caller hung up",
            "transfer": f"the call was transferred to {self.target}",
        }[self.by]

    @property
    def target(self) -> str:
        """Of a transfer, as a person writes it: 400, PJSIP/alice, queue support."""
        return named(self.transfer.kind, self.transfer.to) if self.transfer else ""

    def is_to(self, target: str) -> bool:
        """Whether it is a transfer there; a queue and a mailbox may be written by their name."""
        return self.transfer is not None and target in (self.target, self.transfer.to)


@dataclass(slots=True)
class Kept:
    """What a log, a trace and a call record would have of a call, as text with where it stands.

    Feed it every action of the dialogue, and what was heard and pressed.
    """

    logged: list[str] = field(default_factory=list)
    """The lines of `log` steps."""
    _texts: list[tuple[str, str]] = field(default_factory=list)

    def take(self, action: ev.Action) -> None:  # noqa: C901 - a row for each action
        match action:
            case ev.Log(text):
                self.logged.append(text)
                self._keep("a log line", text)
            case ev.Note(kind, detail):
                self._keep(f'the note "{kind}"', " ".join(map(str, detail.values())))
            case ev.Tag(name, value):
                self._keep(f'the tag "{name}"', value)
            case ev.Speak(prompts):
                for prompt in prompts:
                    if not prompt.secret:
                        self._keep("what the bot says", prompt.text)
            case ev.Request() if not action.secret:
                self._keep("a request", f"{action.url} {as_text(action.json)}")
            case ev.Transfer(to, whisper=whisper):
                self._keep("a transfer", to)
                for prompt in whisper:
                    if not prompt.secret:
                        self._keep("what the agent hears", prompt.text)
            case _:
                pass

    def heard(self, text: str, *, secret: bool) -> None:
        """What the caller said or pressed; `secret`: for a question whose answer is one."""
        if not secret:
            self._keep("what the caller said or pressed", text)

    def log_line(self, text: str) -> None:
        """Something that the real log has, where there is one."""
        self._keep("the log", text)

    def places(self, part: str, dialog: Dialog) -> Iterator[tuple[str, str]]:
        """Where a text would be kept that is not to be: the place, and what stands there."""
        at_the_end = [
            *((f'the variable "{name}"', as_text(v)) for name, v in _shown(dialog).items()),
            *((f'the tag "{name}"', value) for name, value in dialog.tags.items()),
        ]
        secrets = sorted(dialog.secret_texts(), key=len, reverse=True)
        for place, text in dict.fromkeys([*self._texts, *at_the_end]):
            shown = text
            for secret in secrets:
                shown = shown.replace(secret, "***") if secret else shown
            if contains(shown, part):
                yield place, shown

    def _keep(self, place: str, text: str) -> None:
        self._texts.append((place, text))


def complaints(ends: Ends, end: End | None, dialog: Dialog, kept: Kept) -> list[str]:
    """What is not as the test says; each is a sentence.

    Args:
        end: None, the call goes on.
    """
    if end is None:
        hint = ": add `- caller: {hangup: true}` before" if ends.by == "caller" else ""
        return [f"the call has not ended, it is in {dialog.node}{hint}"]
    found = []
    if ends.by not in (None, end.by):
        found.append(f"{end}, not the {ends.by}" if ends.by != "transfer" else f"{end}")
    if ends.to is not None and end.by == "transfer" and not end.is_to(ends.to):
        found.append(f"{end}, not to {ends.to}")
    if ends.node not in (None, dialog.node):
        found.append(f"it ended in {dialog.node}, not in {ends.node}")
    # A call that ends in a flow that was called has the variables of both.
    variables = {**_shown(dialog), **dialog.variables}
    found += _values("variable", ends.vars, variables, dialog.secret_texts())
    found += _values("tag", ends.tags, dialog.tags, frozenset())
    results = dialog.results()
    found += [
        f'the dialplan is told {name}, "{results[name]}"'
        for name, value in ends.results.items()
        if value is None and name in results
    ]
    told = {name: value for name, value in ends.results.items() if value is not None}
    found += _values("result", told, results, frozenset())
    found += [
        f'no log line has "{part}"; there is {_listed(kept.logged)}'
        for part in ends.logged
        if not any(part.casefold() in line.casefold() for line in kept.logged)
    ]
    for part in ends.never_logged:
        for place, text in kept.places(part, dialog):
            found.append(f'"{part}" is not to be kept, but {place} has it: "{text}"')
            break
    return found


def _values(
    what: str, wanted: Mapping[str, object], found: Mapping[str, object], secrets: frozenset[str]
) -> list[str]:
    told = []
    for name, value in wanted.items():
        if name not in found:
            told.append(f'there is no {what} "{name}"{did_you_mean(name, found)}')
        elif not same(value, found[name]):
            shown = MASK if as_text(found[name]) in secrets else found[name]
            told.append(f"{what} {name} is {_quoted(shown)}, not {_quoted(value)}")
    return told


def same(wanted: object, found: object) -> bool:
    """Whether a value of the test, as YAML has it, is the value of the call: `4` is "4", too."""
    if wanted == found and isinstance(wanted, bool) == isinstance(found, bool):
        return True
    if None in (wanted, found) or isinstance(wanted, dict | list):
        return False
    return as_text(wanted) == as_text(found)


def _shown(dialog: Dialog) -> Mapping[str, object]:
    return dialog.shown_variables()


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else as_text(value) or "null"


def _listed(lines: list[str]) -> str:
    return ", ".join(f'"{line}"' for line in lines) or "none"
