"""Can every prompt be said: its file, its translations, its markup."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicebot.flow import model, walk
from voicebot.flow.check.told import Known, error, warning
from voicebot.flow.expressions import Expression
from voicebot.flow.spoken import markup as marked_up
from voicebot.flow.walk import Survey
from voicebot.flow.yamlfile import Finding, Mark

_BRACED = re.compile(r"\{\s*(\w+)\s*\}")


def files(found: Survey, _known: Known) -> Iterator[Finding]:
    for words in walk.words_of(found.prompts):
        if not isinstance(words, model.FilePrompt):
            continue
        if not words.path.is_file():
            yield error("missing-sound", words.mark, f"there is no sound file {words.path}")
        if not any(part.strip() if isinstance(part, str) else True for part in words.text.parts):
            yield error(
                "sound-text", words.mark, "a sound file needs `text:`, the words that are in it"
            )


def translations(found: Survey, _known: Known) -> Iterator[Finding]:
    """A prompt that is translated is translated to every language of the flow."""
    for prompt in found.prompts:
        if isinstance(prompt, model.Translated):
            lacking = [tag for tag in found.flow.languages if tag not in prompt.by_language]
            if lacking:
                yield warning(
                    "not-translated",
                    prompt.mark,
                    f"this prompt is not translated to {', '.join(lacking)}",
                )


def whispers(found: Survey, _known: Known) -> Iterator[Finding]:
    """What the caller does not hear has no marks for him, and he cannot interrupt it."""
    for step in found.steps:
        if not isinstance(step, model.Transfer):
            continue
        for ref in walk.refs_of(step.whisper):
            if ref.barge_in is not None:
                yield _not_interrupted(ref.mark)
        for words in walk.words_of(step.whisper):
            if words.barge_in is not None:
                yield _not_interrupted(words.mark)
            text = "".join(part for part in words.text.parts if isinstance(part, str))
            for name in marked_up.marks(text):
                yield warning(
                    "markup", words.mark, f'the caller does not hear the <mark name="{name}"/>'
                )


def _not_interrupted(mark: Mark) -> Finding:
    return warning("whisper", mark, "the caller does not hear a whisper: `barge_in` means nothing")


def braces(found: Survey, _known: Known) -> Iterator[Finding]:
    """`{name}` of a variable: the $ is missing."""
    there = {*found.flow.variables, *found.assigned()}
    for words in walk.words_of(found.prompts):
        for part in words.text.parts:
            for name in _BRACED.findall(part) if isinstance(part, str) and "{" in part else ():
                if name in there:
                    yield warning(
                        "no-dollar",
                        words.mark,
                        f'"{{{name}}}" is said as it stands: write ${{{name}}}',
                    )


def markup(found: Survey, _known: Known) -> Iterator[Finding]:
    for words in walk.words_of(found.prompts):
        parts = words.text.parts
        if not any("<" in part for part in parts if isinstance(part, str)):
            continue
        # An expression may give anything; as the value of an attribute a figure fits best.
        text = "".join("1" if isinstance(part, Expression) else part for part in parts)
        for problem in marked_up.problems(text):
            yield warning("markup", words.mark, problem)
        if isinstance(words, model.FilePrompt) and any(marked_up.marks(text)):
            yield warning(
                "markup", words.mark, "a sound file has no marks: cut it into one for each"
            )
