"""Which words a prompt has at this moment of a call.

Knows variations, translations and the prompt library.  Must not know when a prompt is said.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from copy import copy
from dataclasses import replace

from voicebot.flow import events as ev
from voicebot.flow import model
from voicebot.flow.stack import Stack
from voicebot.flow.values import Values


class Prompting:
    """Chooses for one call; the same chance, the same choices.

    Args:
        chosen: the variations that were said last.
    """

    def __init__(
        self,
        values: Values,
        stack: Stack,
        chance: random.Random,
        chosen: Mapping[tuple[model.Flow, str], int] | None = None,
    ) -> None:
        self._values = values
        self._stack = stack
        self._random = chance
        self._chosen = dict(chosen or {})

    def copied(self, values: Values, stack: Stack) -> Prompting:
        """One that would choose as this one does next."""
        return Prompting(values, stack, copy(self._random), self._chosen)

    def spoken(self, prompts: model.Prompts) -> tuple[ev.Prompt, ...]:
        """What is said for these, without those that say nothing.

        Raises:
            ExpressionError: a value in one of them.
        """
        said = (self._spoken(prompt) for prompt in prompts)
        return tuple(prompt for prompt in said if prompt.text.strip() or prompt.file)

    def is_guarded(self, prompts: model.Prompts) -> bool:
        """Whether nobody may interrupt one of these, or one of its variations."""
        none = model.BargeIn.NONE
        for prompt in prompts:
            match prompt:
                case model.Translated(by_language, _):
                    guarded = self.is_guarded(tuple(by_language.values()))
                case model.PromptRef(name, _, None):
                    guarded = self.is_guarded(self._stack.scope.flow.prompts[name])
                case _:
                    guarded = prompt.barge_in is none
            if guarded:
                return True
        return False

    def _spoken(self, prompt: model.Prompt, language: str | None = None) -> ev.Prompt:
        """`language`: that of the translation it is; None: the call's."""
        values = self._values
        language = language or values.language_in(self._stack.scope.flow)
        match prompt:
            case model.TextPrompt(text, _, barge_in):
                secret = values.is_secret(text.names)
                return ev.Prompt(values.text(text), language, None, secret, barge_in)
            case model.FilePrompt(path, text, _, barge_in):
                return ev.Prompt(values.text(text), language, path, barge_in=barge_in)
            case model.PromptRef(name, _, barge_in):
                said = self._spoken(self._variation(name), language)
                return said if barge_in is None else replace(said, barge_in=barge_in)
            case model.Translated(by_language, _):
                own = self._stack.scope.flow.language
                spoken = (values.language, own, next(iter(by_language)))
                chosen = next(tag for tag in spoken if tag in by_language)
                return self._spoken(by_language[chosen], chosen)

    def _variation(self, name: str) -> model.Prompt:
        """One of the prompts of that name, never the same twice running."""
        flow = self._stack.scope.flow
        variations = flow.prompts[name]
        last = self._chosen.get((flow, name))
        free = [n for n in range(len(variations)) if n != last] or [0]
        chosen = self._chosen[flow, name] = self._random.choice(free)
        return variations[chosen]
