"""What a dialogue decided about secrets, so that a call can be replayed without them.

A trace holds no secret: its words and keys are masked.  What the dialogue made of them (understood
or not, which way an `if` took) is a verdict; a trace holds the verdicts, and a replay takes them in
place of deciding anew.  Knows how a verdict is written.  Must not know files or the dialogue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from voicebot.flow import model
from voicebot.flow.expressions import ExpressionError
from voicebot.flow.masking import MASK, MASKED_KEY
from voicebot.flow.meaning import Filled, Meaning, More, Settled, Value

_Result = TypeVar("_Result")
_Code = Any
"""What JSON can hold."""


class Verdicts:
    """The verdicts of one call, in order.

    Args:
        replayed: those of the call that is replayed; None in a call.
    """

    def __init__(self, replayed: Iterable[object] | None) -> None:
        self._replayed: deque[_Code] = deque(replayed or ())
        self.made: list[object] = []
        """Since they were last cleared."""

    def judge(
        self,
        decide: Callable[[], _Result],
        write: Callable[[_Result], _Code],
        read: Callable[[_Code], _Result],
    ) -> _Result:
        """Decide, or take the verdict of the call that is replayed.

        Raises:
            ExpressionError: decide() raised it, now or then.
        """
        if self._replayed:
            code = self._replayed.popleft()
            self.made.append(code)
            if isinstance(code, dict) and "error" in code:
                raise ExpressionError(code["error"])
            return read(code)
        try:
            result = decide()
        except ExpressionError as error:
            self.made.append({"error": str(error)})
            raise
        self.made.append(write(result))
        return result


class MeaningCode:
    """Meanings of one question, written without its secrets.

    Args:
        secret: the variables whose values must not be written.
    """

    def __init__(
        self,
        question: model.Question,
        heard: Sequence[model.Universal],
        secret: Callable[[str | None], bool],
    ) -> None:
        self._question = question
        self._heard = heard
        self._secret = secret

    def write(self, meaning: Meaning | None) -> _Code:
        match meaning:
            case None:
                return None
            case model.Universal(name=name):
                return {"event": name}
            case model.Choice():
                if self._secret(self._question.to):
                    return {"value": MASK, "sure": 1.0}
                return {"choice": self._choices().index(meaning)}
            case Value(value, sure):
                return {"value": self._shown(self._question.to, value), "sure": sure}
            case Filled(values, answer):
                filled = {n: [self._shown(n, v.value), v.confidence] for n, v in values.items()}
                said = None if answer is None else self._choices().index(answer)
                return {"filled": filled, "answer": said}

    def read(self, code: _Code) -> Meaning | None:
        match code:
            case {"event": name}:
                return next((u for u in self._heard if u.name == name), None)
            case {"choice": at}:
                return self._choice(at)
            case {"value": value, "sure": sure}:
                return Value(value, sure)
            case {"filled": filled, "answer": at}:
                values = {name: Value(value, sure) for name, (value, sure) in filled.items()}
                return Filled(values, None if at is None else self._choice(at))
            case _:
                return None

    def write_keys(self, result: Settled | More | None) -> _Code:
        if result is None:
            return None
        kind = "settled" if isinstance(result, Settled) else "more"
        return {kind: self.write(result.meaning), "rest": len(result.rest)}

    def read_keys(self, code: _Code) -> Settled | More | None:
        match code:
            case {"settled": meaning, "rest": rest}:
                return Settled(self.read(meaning), MASKED_KEY * rest)
            case {"more": meaning, "rest": rest}:
                return More(self.read(meaning), MASKED_KEY * rest)
            case _:
                return None

    def _shown(self, name: str | None, value: object) -> object:
        return MASK if self._secret(name) else value

    def _choices(self) -> tuple[model.Choice, ...]:
        wants = self._question.wants
        return wants.choices if isinstance(wants, model.Choices) else ()

    def _choice(self, at: int) -> model.Choice | None:
        choices = self._choices()
        return choices[at] if at < len(choices) else None
