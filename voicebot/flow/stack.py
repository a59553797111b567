"""Where a call is in its flow: the blocks being run, and the flows that called each other.

Knows frames, scopes and how goto, call and return move among them.  Must not know events, actions,
time or what a step does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, TypeVar, cast

from voicebot.flow import model
from voicebot.flow.expressions import ExpressionError

DEEPEST: Final = 50
"""Calls within calls; a flow that goes deeper never comes back."""


@dataclass(slots=True, eq=False)
class Scope:
    """A flow on its way: its variables and its place.  A called node shares its flow's variables."""

    flow: model.Flow
    variables: dict[str, object]
    secrets: set[str]
    """The variables that hold a secret in this call."""
    filled: set[str]
    """The variables that a question or a `set` has filled."""
    base: int
    """Frames below this belong to the caller."""
    to: str | None
    """The caller's variable for the result."""
    node: str


@dataclass(slots=True)
class Frame:
    """A block being run, the step that is next, and the question that led here."""

    block: model.Block
    at: int
    owner: Asked | None
    scope: Scope


_Place: TypeAlias = "tuple[model.Block, int, Asked | None, Scope]"
"""What a frame holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A question with the place it was asked at, so that `repeat` can come back."""

    question: model.Question
    form: FormRun | None
    frames: tuple[_Place, ...]
    scopes: tuple[tuple[Scope, str], ...]

    @property
    def scope(self) -> Scope:
        return self.frames[-1][3]

    @property
    def node(self) -> str:
        return next(node for scope, node in self.scopes if scope is self.scope)


@dataclass(slots=True, eq=False)
class FormRun:
    """A form under way."""

    form: model.Form
    introduced: bool = False
    """Its own `say` has been said."""
    doubtful: bool = False
    """A value in it was not heard surely."""
    rejections: int = 0
    """How often the caller said that it is not right …"""
    denied: Mapping[str, object] = field(default_factory=dict)
    """… and the values that it was last said of."""


class Stack:
    """The frames of a call and its scopes, the innermost last."""

    def __init__(self, scopes: list[Scope], frames: list[Frame]) -> None:
        self._scopes, self._frames = scopes, frames

    @classmethod
    def of(cls, flow: model.Flow) -> Stack:
        """That of a call that has not begun."""
        secrets = set(flow.secrets)
        return cls([Scope(flow, dict(flow.variables), secrets, set(), 0, None, flow.start)], [])

    @property
    def scope(self) -> Scope:
        """That of the step being run."""
        return self._frames[-1].scope if self._frames else self._scopes[-1]

    @property
    def outermost(self) -> Scope:
        return self._scopes[0]

    def scopes(self) -> Iterator[Scope]:
        """The innermost first."""
        return reversed(self._scopes)

    def callers(self) -> Iterator[Scope]:
        """That of the step being run, and those that called it; the event of an outer flow may be
        under way while an inner one waits to go on."""
        here = self.scope
        return itertools.dropwhile(lambda scope: scope is not here, self.scopes())

    def next_step(self) -> model.Step | None:
        """The step to take now; None when the call has come to its end."""
        while True:
            if len(self._frames) <= self._scopes[-1].base:
                if not self.leave(None):
                    return None
                continue
            frame = self._frames[-1]
            if frame.at < len(frame.block):
                frame.at += 1
                return frame.block[frame.at - 1]
            self._frames.pop()

    def push(self, block: model.Block, owner: Asked | None = None) -> None:
        """Run this block next, and then go on where the call is now."""
        self._frames.append(Frame(block, 0, owner, self.scope))

    def to_repeat(self, last: Asked | None) -> Asked | None:
        """The question that led to the step being run, else the last one.

        What was called on the way from a question repeats the last one when that is its own.
        """
        way = next((frame for frame in reversed(self._frames) if frame.owner), None)
        if way is None:
            return last
        own = way.scope is self.scope or last is None or last.scope is not self.scope
        return way.owner if own else last

    # Ways ----------------------------------------------------------------------------------

    def enter(self, node: str) -> None:
        """Go on with a node of the flow of the step being run."""
        scope = self.scope
        self._unwind(scope)
        scope.node = node
        self._frames.append(Frame(scope.flow.nodes[node].steps, 0, None, scope))

    def call(self, step: model.Call, arguments: Mapping[str, object], secret: set[str]) -> None:
        """Go on with a called node or flow.

        Args:
            secret: those of the arguments that are made of a secret.

        Raises:
            ExpressionError: calls within calls without end.
        """
        if len(self._scopes) > DEEPEST:
            raise ExpressionError(f'"{step.target}" is called more than {DEEPEST} calls deep')
        caller, base = self.scope, len(self._frames)
        if step.flow is None:
            caller.variables.update(arguments)
            caller.secrets.update(secret)
            scope = replace(caller, base=base, to=step.to, node=step.target)
        else:
            variables = {**step.flow.variables, **arguments}
            secrets = set(step.flow.secrets) | secret
            scope = Scope(step.flow, variables, secrets, set(), base, step.to, step.flow.start)
        self._scopes.append(scope)
        self._frames.append(Frame(scope.flow.nodes[scope.node].steps, 0, None, scope))

    def leave(self, value: object, *, secret: bool = False) -> bool:
        """Come back from the flow of the step being run; False when nobody called it."""
        scope = self.scope if len(self._frames) > self._scopes[-1].base else self._scopes[-1]
        if scope is self._scopes[0]:
            return False
        self._unwind(scope)
        self._scopes.pop()
        caller = self.scope
        if scope.to is not None:
            caller.variables[scope.to] = value
            if secret:
                caller.secrets.add(scope.to)
        return True

    def divert(self, scope: Scope, block: model.Block) -> None:
        """Forget what was under way in a scope and those it called; run this block there."""
        self._unwind(scope)
        self._frames.append(Frame(block, 0, None, scope))

    def push_in(self, scope: Scope, block: model.Block, owner: Asked) -> None:
        """Run a block of an outer flow; it may come back to where the call is now."""
        self._frames.append(Frame(block, 0, owner, scope))

    def _unwind(self, scope: Scope) -> None:
        while self._scopes[-1] is not scope:
            self._scopes.pop()
        del self._frames[scope.base :]

    # What would be ---------------------------------------------------------------------------

    def copied(self, asked: Asked | None) -> tuple[Stack, Asked | None]:
        """A stack of its own that stands where this one does, and the open question on it."""
        copies = _Copies()
        frames = [(f.block, f.at, f.owner, f.scope) for f in self._frames]
        stack = Stack(
            [copies.scope(scope) for scope in self._scopes],
            [Frame(*copies.frame(frame)) for frame in frames],
        )
        return stack, copies.asked(asked)

    # Questions -----------------------------------------------------------------------------

    def asked(self, question: model.Question, form: FormRun | None) -> Asked:
        """The question at this place."""
        frames = tuple((f.block, f.at, f.owner, f.scope) for f in self._frames)
        scopes = tuple((scope, scope.node) for scope in self._scopes)
        return Asked(question, form, frames, scopes)

    def back_to(self, asked: Asked) -> None:
        """Be where a question was asked."""
        self._frames = [Frame(*frame) for frame in asked.frames]
        self._scopes = [scope for scope, _ in asked.scopes]
        for scope, node in asked.scopes:
            scope.node = node


_Part = TypeVar("_Part")


class _Copies:
    """Copies of what changes in a call: each part once, so that what was one stays one.

    The flow itself is shared, since nobody changes it.
    """

    def __init__(self) -> None:
        self._made: dict[int, object] = {}

    def scope(self, scope: Scope) -> Scope:
        return self._once(
            scope,
            lambda: replace(
                scope,
                # A called node has the variables of its flow.
                variables=self._once(scope.variables, lambda: dict(scope.variables)),
                secrets=self._once(scope.secrets, lambda: set(scope.secrets)),
                filled=self._once(scope.filled, lambda: set(scope.filled)),
            ),
        )

    def frame(self, frame: _Place) -> _Place:
        block, at, owner, scope = frame
        return block, at, self.asked(owner), self.scope(scope)

    def asked(self, asked: Asked | None) -> Asked | None:
        if asked is None:
            return None
        return self._once(
            asked,
            lambda: Asked(
                asked.question,
                None if asked.form is None else self._form(asked.form),
                tuple(map(self.frame, asked.frames)),
                tuple((self.scope(scope), node) for scope, node in asked.scopes),
            ),
        )

    def _form(self, run: FormRun) -> FormRun:
        return self._once(run, lambda: replace(run))

    def _once(self, part: _Part, make: Callable[[], _Part]) -> _Part:
        if id(part) not in self._made:
            self._made[id(part)] = make()
        return cast("_Part", self._made[id(part)])
