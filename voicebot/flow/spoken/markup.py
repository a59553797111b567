"""Prompts as the synthesiser is to read them: markup away, figures in words, pauses in seconds.

Knows the four tags of SSML that prompts may use, and what figures in a text are: times, dates,
money, telephone numbers.  Must not know flows, variables or engines.  A `<` that begins no tag is
text; ordinary words stay as they are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voicebot.flow.spoken.language import Language
from voicebot.flow.spoken.running_text import in_running_text
from voicebot.flow.spoken.say import say

LONGEST_PAUSE_S: Final = 10.0
"""A caller who hears nothing for longer hangs up; a value from outside could ask for hours."""

STRENGTHS: Final = {
    "none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.2,
}  # fmt: skip
"""Seconds of `<break strength="…"/>`; a break that says nothing is medium."""

READ_AS: Final = {
    "date": "date", "time": "time", "cardinal": "number", "number": "number",
    "ordinal": "ordinal", "digits": "digits", "telephone": "phone", "phone": "phone",
    "characters": "spell", "spell-out": "spell", "spell": "spell", "currency": "money",
    "money": "money",
}  # fmt: skip
"""`interpret-as` → kind of `say`."""

_TAGS: Final = {
    "break": ("time", "strength"), "say-as": ("interpret-as",), "sub": ("alias",), "mark": ("name",),
}  # fmt: skip
_ALONE: Final = {"break": '<break time="300ms"/>', "mark": '<mark name="here"/>'}
"""Tags that hold nothing, and how they are written."""
_TAG: Final = re.compile(
    r"""<(?P<close>/)?(?P<name>[A-Za-z][\w-]*)(?P<rest>(?:\s+[\w-]+\s*=\s*(?:"[^"]*"|'[^']*'))*)"""
    r"\s*(?P<alone>/)?>"
)
_ATTRIBUTE: Final = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s)")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in what is said; how far the caller has heard it is told by the last one."""

    name: str


@dataclass(frozen=True, slots=True)
class _Tag:
    """A tag, or a stretch of text (then `name` is empty)."""

    text: str
    name: str = ""
    closes: bool = False
    alone: bool = False
    attributes: tuple[tuple[str, str], ...] = ()

    def get(self, attribute: str) -> str:
        return dict(self.attributes).get(attribute, "")


def pieces(text: str, language: Language) -> tuple[str | float | Mark, ...]:
    """Words for the synthesiser and, between them, pauses in seconds and marks."""
    found: list[str | float | Mark] = [""]
    within: list[tuple[_Tag, str]] = []
    for part in _parts(text):
        if part.name in _ALONE:
            found += [_pause(part) if part.name == "break" else Mark(part.get("name")), ""]
        elif part.name and not part.closes and not part.alone:
            within.append((part, ""))
        elif part.name and within and within[-1][0].name == part.name:
            tag, inner = within.pop()
            found[-1] = f"{found[-1]}{_read(tag, inner, language)}"
        elif part.name:
            continue  # closes nothing, or holds nothing: there is nothing to say
        elif within:
            within[-1] = (within[-1][0], within[-1][1] + part.text)
        else:
            found[-1] = f"{found[-1]}{in_running_text(part.text, language)}"
    for tag, inner in within:  # left open: what is in it is said all the same
        found[-1] = f"{found[-1]}{_read(tag, inner, language)}"
    tidy = (" ".join(p.split()) if isinstance(p, str) else p for p in found)
    return tuple(p for p in tidy if p)


def marks(text: str) -> Iterator[str]:
    """The names of the marks in a text, in their order."""
    return (part.get("name") for part in _parts(text) if part.name == "mark")


def plain(text: str) -> str:
    """The text without markup, as it is written: for logs and tests."""
    return " ".join("".join(part.text for part in _parts(text) if not part.name).split())


def problems(text: str) -> list[str]:
    """What is wrong with the tags of a text; a clear sentence each."""
    found: list[str] = []
    open_tags: list[str] = []
    for name, part in ((part.name, part) for part in _parts(text, known=False)):
        if not name:
            continue
        if name not in _TAGS:
            near = difflib.get_close_matches(name, _TAGS, 1, 0.5)
            hint = (
                f"did you mean <{near[0]}>?"
                if near
                else f"there are {', '.join(f'<{tag}>' for tag in _TAGS)}"
            )
            found.append(f"<{name}> is not known in prompts: {hint}")
        elif part.closes:
            found += _closing(name, open_tags)
        else:
            found += _attribute_problems(part)
            if name in _ALONE and not part.alone:
                found.append(f"a <{name}> holds nothing: write {_ALONE[name]}")
            elif not part.alone:
                open_tags.append(name)
    return found + [f"<{name}> is never closed: write </{name}>" for name in open_tags]


def _closing(name: str, open_tags: list[str]) -> list[str]:
    if open_tags and open_tags[-1] == name:
        open_tags.pop()
        return []
    return [f"</{name}> closes nothing: no <{name}> is open before it"]


def _attribute_problems(tag: _Tag) -> Iterator[str]:
    allowed = _TAGS[tag.name]
    for name, _ in tag.attributes:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"it has {' and '.join(allowed)}"
            yield f"<{tag.name}> has no {name}: {hint}"
    value = tag.get(allowed[0])
    if tag.name == "break":
        yield from _break_problems(tag)
    elif not value:
        yield _lacking(tag.name)
    elif tag.name == "say-as" and value not in READ_AS and "${" not in value:
        near = difflib.get_close_matches(value, READ_AS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(READ_AS)}"
        yield f'interpret-as="{value}" is not known: {hint}'


def _lacking(name: str) -> str:
    if name == "mark":
        return f"a <mark> needs a name: write {_ALONE[name]}"
    example = {"say-as": 'interpret-as="date"', "sub": 'alias="the words"'}[name]
    return f"<{name}> does not say how: write <{name} {example}>"


def _break_problems(tag: _Tag) -> Iterator[str]:
    time, strength = tag.get("time"), tag.get("strength")
    if time and "${" not in time and not _DURATION.fullmatch(time):
        yield f'"{time}" is no length of a pause: one is written 300ms or 1.5s'
    elif _DURATION.fullmatch(time) and _seconds(time) > LONGEST_PAUSE_S:
        yield f"a pause of {time} is too long: at most {LONGEST_PAUSE_S:g}s"
    if strength and strength not in STRENGTHS and "${" not in strength:
        near = difflib.get_close_matches(strength, STRENGTHS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(STRENGTHS)}"
        yield f'strength="{strength}" is not known: {hint}'


def _parts(text: str, *, known: bool = True) -> Iterator[_Tag]:
    """Stretches of text and the tags between them; with `known` an unknown tag is text."""
    at = 0
    for match in _TAG.finditer(text):
        if known and match["name"] not in _TAGS:
            continue
        yield _Tag(text[at : match.start()])
        attributes = tuple((n, a or b) for n, a, b in _ATTRIBUTE.findall(match["rest"]))
        closes, alone = bool(match["close"]), bool(match["alone"])
        yield _Tag("", match["name"], closes, alone, attributes)
        at = match.end()
    yield _Tag(text[at:])


def _pause(tag: _Tag) -> float:
    if _DURATION.fullmatch(tag.get("time")):
        return min(_seconds(tag.get("time")), LONGEST_PAUSE_S)
    return STRENGTHS.get(tag.get("strength"), STRENGTHS["medium"])


def _seconds(written: str) -> float:
    match = _DURATION.fullmatch(written)
    assert match is not None  # noqa: S101 - its callers have asked
    return float(match[1]) / (1000 if match[2] == "ms" else 1)


def _read(tag: _Tag, inner: str, language: Language) -> str:
    if tag.name == "sub":
        return in_running_text(tag.get("alias") or inner, language)
    try:
        return say(language, READ_AS.get(tag.get("interpret-as"), ""), inner.strip())
    except ValueError:  # not what it was said to be: read as any other text
        return in_running_text(inner, language)
