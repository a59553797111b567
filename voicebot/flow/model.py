"""What a flow is once it has been read: frozen records, no behaviour.

Knows the nouns of the flow language (node, step, question, choice, prompt, way) and where in the
file each stands.  Must not know YAML, how a call goes on, or any engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from voicebot.flow.answers import Phrase
    from voicebot.flow.conversations import Conversation
    from voicebot.flow.events import TransferKind
    from voicebot.flow.expectation import Expectation
    from voicebot.flow.expressions import Expression, Template
    from voicebot.flow.yamlfile import Mark

Constant: TypeAlias = "str | int | float | bool | None"

Said: TypeAlias = "Mapping[str, tuple[Phrase, ...]]"
"""By language tag: the phrases of an answer."""


class BargeIn(StrEnum):
    """Who may interrupt a prompt.  Keys are never lost: what may not interrupt waits its turn."""

    SPEECH = "speech"
    """Voice and keys."""
    KEYS = "keys"
    """Keys only."""
    NONE = "none"
    """Nobody: the prompt is heard to its end."""

    @staticmethod
    def of_queue(said: Sequence[BargeIn | None]) -> BargeIn | None:
        """Who may interrupt prompts in a row, as the first says itself.

        Nobody may as long as nobody may interrupt one of them: it would not be said.
        """
        if BargeIn.NONE in said:
            return BargeIn.NONE
        return said[0] if said else None


# Prompts ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextPrompt:
    """Words for the synthesiser."""

    text: Template
    mark: Mark
    barge_in: BargeIn | None = None
    """Who may interrupt it; None: as the question says."""


@dataclass(frozen=True, slots=True)
class FilePrompt:
    """A recording, and the words that are in it."""

    path: Path
    text: Template
    mark: Mark
    barge_in: BargeIn | None = None


@dataclass(frozen=True, slots=True)
class PromptRef:
    """`{prompt: name}`: one of the variations that the library holds under that name."""

    name: str
    mark: Mark
    barge_in: BargeIn | None = None
    """None: as the variation says."""


@dataclass(frozen=True, slots=True)
class Translated:
    """`{en-US: "Hello", de-DE: "Guten Tag"}`: one prompt in each language."""

    by_language: Mapping[str, Prompt]
    mark: Mark


Prompt: TypeAlias = "TextPrompt | FilePrompt | PromptRef | Translated"
Prompts: TypeAlias = "tuple[Prompt, ...]"
"""Said one after the other."""


# What a question wants -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers.  `value` is what an `ask` stores; `way` is where a `menu` goes on."""

    phrases: Said
    keys: tuple[str, ...]
    value: str | bool
    way: Block
    mark: Mark


@dataclass(frozen=True, slots=True)
class Choices:
    """menu, yes_no and choice: one of these."""

    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Digits:
    """A string of digits of min_length to max_length (None: no limit)."""

    min_length: int
    max_length: int | None
    finish: str | None
    """The key that ends the entry; None where the flow says `finish: null`."""
    delete: str | None = None
    """The key that takes back the last digit."""
    pattern: str | None = None
    """A regular expression that the whole string must match."""
    luhn: bool = False
    """Whether the last digit is the check digit of the Luhn algorithm."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number from least to most (None: no limit)."""

    least: int
    most: int | None
    finish: str | None
    delete: str | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum of money, with at most two places behind the point, from least to most."""

    currency: str
    """ISO 4217, such as "USD"."""
    least: float
    most: float | None
    finish: str | None
    delete: str | None = None


@dataclass(frozen=True, slots=True)
class Date:
    """A day, as an ISO string (2027-03-01)."""

    future: bool
    """Only today or later; "March first" is the next one."""
    past: bool
    """Only today or earlier; "March first" is the last one."""
    finish: str | None
    delete: str | None = None


@dataclass(frozen=True, slots=True)
class Time:
    """A time of the day, as an ISO string (10:00)."""

    finish: str | None
    delete: str | None = None


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone number, as a string of digits, with "+" before it where it was said."""

    finish: str | None
    delete: str | None = None


@dataclass(frozen=True, slots=True)
class Spelling:
    """A word or code spelt letter by letter, as an upper-case string of letters and digits."""

    min_length: int
    max_length: int | None


@dataclass(frozen=True, slots=True)
class FreeText:
    """Whatever the caller says, as text."""


Wants: TypeAlias = "Choices | Digits | Number | Amount | Date | Time | Phone | Spelling | FreeText"


@dataclass(frozen=True, slots=True, eq=False)
class Handler:
    """Where the call goes at a turning point: failed, error or hangup."""

    way: Block
    mark: Mark


# Steps -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Say:
    prompts: Prompts
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A menu, an ask, a slot of a form or the confirmation of one."""

    wants: Wants
    to: str | None
    """The variable that an `ask` fills; None for a menu."""
    say: Prompts
    no_match: tuple[Prompts, ...]
    no_input: tuple[Prompts, ...]
    retry: tuple[Prompts, ...]
    check: Expression | None
    attempts: int
    failed: Handler | None
    barge_in: BargeIn
    timeout_s: float
    """How long the caller may take to say the first word or press the first key."""
    inter_digit_s: float | None
    """The wait for the next key; None: computed from what can still match."""
    end_silence_s: float | None
    """The silence that ends an answer; None: computed from what can still be said."""
    max_speech_s: float
    secret: bool
    mark: Mark


class ConfirmMode(StrEnum):
    """When a form reads back what it has."""

    ALWAYS = "always"
    BY_CONFIDENCE = "by_confidence"
    """When something that was said was not heard surely."""
    NEVER = "never"


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """Several values, filled in any order; each slot is an `ask`."""

    slots: tuple[Question, ...]
    say: Prompts
    """Asked first in place of the first slot's own question; may be empty."""
    confirm: Question | None
    """A yes_no without `to`; its `retry` is said after a plain "no"."""
    mode: ConfirmMode
    mark: Mark


@dataclass(frozen=True, slots=True)
class Set:
    values: tuple[tuple[str, Template | Constant, Mark], ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class If:
    condition: Expression
    then: Block
    otherwise: Block
    mark: Mark


@dataclass(frozen=True, slots=True)
class Goto:
    node: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Log:
    text: Template
    mark: Mark


@dataclass(frozen=True, slots=True)
class Wait:
    duration_s: float
    mark: Mark


@dataclass(frozen=True, slots=True)
class HangUp:
    mark: Mark


@dataclass(frozen=True, slots=True)
class Repeat:
    """Ask again the question that led here."""

    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A node of this flow, or another flow, that comes back with `return`."""

    target: str
    flow: Flow | None
    """The flow that is called; None: `target` is a node of this one."""
    arguments: tuple[tuple[str, Data, Mark], ...]
    to: str | None
    mark: Mark


@dataclass(frozen=True, slots=True)
class Return:
    value: Data
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Http:
    """A request; its answer is a mapping of `status`, `json` and `text`."""

    method: str
    """GET, POST, PUT, PATCH or DELETE."""
    url: Template
    query: tuple[tuple[str, Template], ...]
    headers: tuple[tuple[str, Template], ...]
    json: Data
    """None: no body."""
    timeout_s: float
    hold: Prompts
    to: str | None
    failed: Handler | None
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    to: Template
    kind: TransferKind
    """What `to` is, as far as it is written: one that is filled in the call may be a channel."""
    context: Template | None
    wait_s: float
    announce: Prompts
    """What the caller hears before."""
    whisper: Prompts
    """What the one who is called hears before they are connected."""
    failed: Handler | None
    """None: the call has left."""
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """What the caller says, as a WAV file; its path goes into `to` (null: nothing was said)."""

    to: str
    say: Prompts
    beep: bool
    finish: str | None
    max_s: float
    silence_s: float
    """A silence so long ends it."""
    secret: bool
    mark: Mark


@dataclass(frozen=True, slots=True)
class Tag:
    """Into the call record and to the dialplan."""

    values: tuple[tuple[str, Template | Constant, Mark], ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Language:
    tag: str
    mark: Mark


Data: TypeAlias = "Template | Constant | tuple[Data, ...] | Mapping[str, Data]"
"""A value with templates in it at any depth, as the JSON of a request."""

Step: TypeAlias = (
    "Say | Question | Form | Set | If | Goto | Call | Return | Http | Transfer | Record | Wait "
    "| Log | Tag | Language | HangUp | Repeat"
)
Block: TypeAlias = "tuple[Step, ...]"
"""Steps in order.  After the last one the caller's surrounding block goes on."""


# The whole -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Universal:
    """An event of `on:` that is heard in every question."""

    name: str
    phrases: Said
    keys: tuple[str, ...]
    way: Block
    mark: Mark


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    steps: Block
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    name: str
    language: str
    languages: tuple[str, ...]
    """Every language that a call may be in: `language` first, then those of its translations."""
    start: str
    variables: Mapping[str, Constant]
    """`vars:`, the values at the start of a call."""
    prompts: Mapping[str, tuple[Prompt, ...]]
    """The library: under each name its variations."""
    universals: tuple[Universal, ...]
    """Heard in every question of this flow, its own."""
    inherited: tuple[Universal, ...]
    """Of a flow that is called by another: what is heard besides."""
    failed: Handler | None
    error: Handler | None
    hangup: Handler | None
    nodes: Mapping[str, Node]
    currency: str
    """ISO 4217, of amounts and of the filter `money`."""
    path: Path
    start_mark: Mark
    language_mark: Mark
    expectations: Mapping[tuple[Question, str], Expectation] = field(repr=False)
    """What each question expects to hear, in each language."""
    secrets: frozenset[str]
    """The variables that hold a secret: answers of secret questions and all that is made of them."""
    asks_secret: bool
    """Whether it, or a flow that it calls, asks for a secret: keys may be pressed ahead of it."""
    tests: tuple[Conversation, ...]
