"""Can what callers say and press be told apart, and be heard at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voicebot.flow import model
from voicebot.flow.answers import ANY, Phrase, phrases
from voicebot.flow.check.told import Known, error, warning
from voicebot.flow.dialog import LONGER_KEYS_S
from voicebot.flow.expressions import as_text
from voicebot.flow.spoken import language_of
from voicebot.flow.walk import Survey
from voicebot.flow.yamlfile import Finding

_Option = model.Choice | model.Universal


def _choices(question: model.Question) -> tuple[model.Choice, ...]:
    return question.wants.choices if isinstance(question.wants, model.Choices) else ()


def _name(option: _Option) -> str:
    return option.name if isinstance(option, model.Universal) else as_text(option.value)


def same(found: Survey, _known: Known) -> Iterator[Finding]:
    """Two answers of one question that say or press the same."""
    yield from _same(found.flow.universals)
    for question in found.questions():
        yield from _same(_choices(question))


def _same(options: Sequence[_Option]) -> Iterator[Finding]:
    if len(options) < 2:  # noqa: PLR2004 - what two may share
        return
    said: dict[tuple[str, Phrase], _Option] = {}
    pressed: dict[str, _Option] = {}
    for option in options:
        for tag, found in option.phrases.items():
            clash = next((p for p in found if (tag, p) in said), None)
            if clash is not None:
                yield _clash("same-answer", "answer", " ".join(clash), option, said[tag, clash])
                break
        said.update({(tag, p): option for tag, found in option.phrases.items() for p in found})
        key = next((key for key in option.keys if key in pressed), None)
        if key is not None:
            yield _clash("same-key", "key", key, option, pressed[key])
        pressed.update(dict.fromkeys(option.keys, option))


def _clash(rule: str, what: str, shown: str, option: _Option, owner: _Option) -> Finding:
    if owner.mark == option.mark:  # the yes and no of one question
        return error(rule, option.mark, f'the {what} "{shown}" is both yes and no')
    line = owner.mark.line
    return error(
        rule, option.mark, f'the {what} "{shown}" is also that of "{_name(owner)}" (line {line})'
    )


def hidden(found: Survey, _known: Known) -> Iterator[Finding]:
    """An event of `on:` that a question does not hear, because an answer of its own is the same."""
    universals = (*found.flow.universals, *found.flow.inherited)
    said: dict[Phrase, model.Universal] = {}
    pressed: dict[str, model.Universal] = {}
    for universal in reversed(universals):
        for phrases_of in universal.phrases.values():
            said.update(dict.fromkeys(phrases_of, universal))
        pressed.update(dict.fromkeys(universal.keys, universal))
    for question in found.questions():
        for choice in _choices(question):
            for shown, universal in _shared(choice, said, pressed):
                yield warning(
                    "hidden-event",
                    choice.mark,
                    f'"{shown}" is also that of the event "{universal.name}", which is not heard in '
                    "this question",
                )


def _shared(
    choice: model.Choice,
    said: dict[Phrase, model.Universal],
    pressed: dict[str, model.Universal],
) -> Iterator[tuple[str, model.Universal]]:
    """What the choice shares with each universal; once for each."""
    told: set[str] = set()
    shared = [
        (" ".join(phrase), said[phrase])
        for phrases_of in choice.phrases.values()
        for phrase in phrases_of
        if phrase in said
    ]
    shared += [(f"key {key}", pressed[key]) for key in choice.keys if key in pressed]
    for shown, universal in shared:
        if universal.name not in told:
            told.add(universal.name)
            yield shown, universal


def prefixes(found: Survey, _known: Known) -> Iterator[Finding]:
    """A key that begins another: who presses it waits."""
    universals = (*found.flow.universals, *found.flow.inherited)
    for question in found.questions():
        choices = _choices(question)
        heard = universals if choices or isinstance(question.wants, model.FreeText) else ()
        options: list[_Option] = [*choices, *heard]
        every = [key for option in options for key in option.keys]
        if max(map(len, every), default=0) > 1:
            wait_s = question.inter_digit_s or LONGER_KEYS_S
            yield from _prefixes(options, every, wait_s)


def _prefixes(options: Sequence[_Option], every: list[str], wait_s: float) -> Iterator[Finding]:
    for option in options:
        for key in option.keys:
            longer = next((k for k in every if k != key and k.startswith(key)), None)
            if longer:
                yield warning(
                    "key-prefix",
                    option.mark,
                    f'the key "{key}" is the beginning of "{longer}": '
                    f"who presses {key} waits {wait_s:g} s",
                )


def vocabulary(found: Survey, known: Known) -> Iterator[Finding]:
    """Words that the recogniser does not know, so that it never hears them."""
    if known.vocabulary is None:
        return
    knows = {*known.vocabulary, ANY, *_built_in(found.flow)}
    options: list[_Option] = [*found.flow.universals]
    options += [choice for question in found.questions() for choice in _choices(question)]
    for option in options:
        words = dict.fromkeys(w for said in option.phrases.values() for p in said for w in p)
        unknown = [word for word in words if word not in knows]
        if unknown:
            listed = ", ".join(f'"{word}"' for word in unknown)
            yield warning(
                "unknown-word",
                option.mark,
                f"the recogniser does not know {listed}: it cannot be heard here",
            )


def _built_in(flow: model.Flow) -> Iterator[str]:
    """The words for yes and no that every flow understands, whether the model knows all or not."""
    for tag in flow.languages:
        language = language_of(tag)
        for template in (*language.yes, *language.no) if language is not None else ():
            for phrase in phrases(template, {}):
                yield from phrase
