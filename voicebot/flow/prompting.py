"""Which words a prompt has at this moment of a call.

Knows variations, translations and the prompt library.  Must not know when a prompt is said.
"""

from __future__ import annotations

import random

from voicebot.flow import events as ev
from voicebot.flow import model
from voicebot.flow.stack import Stack
from voicebot.flow.values import Values


class Prompting:
    """Chooses for one call; the same seed, the same choices."""

    def __init__(self, values: Values, stack: Stack, seed: int) -> None:
        self._values = values
        self._stack = stack
        self._random = random.Random(seed)
        self._chosen: dict[tuple[model.Flow, str], int] = {}

    def spoken(self, prompts: model.Prompts) -> tuple[ev.Prompt, ...]:
        """What is said for these, without those that say nothing.

        Raises:
            ExpressionError: a value in one of them.
        """
        said = (self._spoken(prompt) for prompt in prompts)
        return tuple(prompt for prompt in said if prompt.text.strip() or prompt.file)

    def _spoken(self, prompt: model.Prompt, language: str | None = None) -> ev.Prompt:
        """`language`: that of the translation it is; None: the call's."""
        values = self._values
        language = language or values.language_in(self._stack.scope.flow)
        match prompt:
            case model.TextPrompt(text, _):
                return ev.Prompt(values.text(text), language, None, values.is_secret(text.names))
            case model.FilePrompt(path, text, _):
                return ev.Prompt(values.text(text), language, path)
            case model.PromptRef(name, _):
                return self._spoken(self._variation(name), language)
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
