"""What a flow is once it has been read: frozen records, no behaviour.

Knows the nouns of the flow language (node, step, question, choice, prompt, way) and where in the
file each stands.  Must not know YAML, how a call goes on, or any engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from voicebot.flow.answers import Phrase
    from voicebot.flow.expectation import Expectation
    from voicebot.flow.expressions import Expression, Template
    from voicebot.flow.yamlfile import Mark

Constant: TypeAlias = "str | int | float | bool | None"


class BargeIn(StrEnum):
    """Who may interrupt a prompt.  Keys are never lost: what may not interrupt waits its turn."""

    SPEECH = "speech"
    """Voice and keys."""
    KEYS = "keys"
    """Keys only."""
    NONE = "none"
    """Nobody: the prompt is heard to its end."""


# Prompts ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TextPrompt:
    """Words for the synthesiser."""

    text: Template
    mark: Mark


@dataclass(frozen=True, slots=True)
class FilePrompt:
    """A recording, and the words that are in it."""

    path: Path
    text: Template
    mark: Mark


@dataclass(frozen=True, slots=True)
class PromptRef:
    """`{prompt: name}`: one of the variations that the library holds under that name."""

    name: str
    mark: Mark


Prompt: TypeAlias = "TextPrompt | FilePrompt | PromptRef"
Prompts: TypeAlias = "tuple[Prompt, ...]"
"""Said one after the other."""


# What a question wants -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several answers.  `value` is what an `ask` stores; `way` is where a `menu` goes on."""

    phrases: tuple[Phrase, ...]
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
    """The key that ends the entry; None where the caller wrote `finish: null`."""


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number from least to most (None: no limit)."""

    least: int
    most: int | None
    finish: str | None


@dataclass(frozen=True, slots=True)
class FreeText:
    """Whatever the caller says, as text."""


Wants: TypeAlias = "Choices | Digits | Number | FreeText"


# Steps -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Say:
    prompts: Prompts
    mark: Mark


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A menu or an ask."""

    wants: Wants
    to: str | None
    """The variable that an `ask` fills; None for a menu."""
    say: Prompts
    no_match: tuple[Prompts, ...]
    no_input: tuple[Prompts, ...]
    retry: tuple[Prompts, ...]
    check: Expression | None
    attempts: int
    failed: Block | None
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


Step: TypeAlias = "Say | Question | Set | If | Goto | Log | Wait | HangUp | Repeat"
Block: TypeAlias = "tuple[Step, ...]"
"""Steps in order.  After the last one the caller's surrounding block goes on."""


# The whole -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Universal:
    """An event of `on:` that is heard in every question."""

    name: str
    phrases: tuple[Phrase, ...]
    keys: tuple[str, ...]
    way: Block
    mark: Mark


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    steps: Block
    mark: Mark


@dataclass(frozen=True, slots=True)
class Flow:
    name: str
    language: str
    start: str
    variables: Mapping[str, Constant]
    """`vars:`, the values at the start of a call."""
    prompts: Mapping[str, tuple[Prompt, ...]]
    """The library: under each name its variations."""
    universals: tuple[Universal, ...]
    failed: Block | None
    error: Block | None
    hangup: Block | None
    nodes: Mapping[str, Node]
    path: Path
    start_mark: Mark
    expectations: Mapping[Question, Expectation] = field(repr=False)
    """What each question expects to hear."""
    secrets: frozenset[str]
    """The variables that hold a secret: answers of secret questions and all that is made of them."""
