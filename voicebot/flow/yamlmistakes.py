"""What a person meant by YAML that cannot be read: PyYAML's errors, put as place and remedy.

Knows: PyYAML's error messages and the text around them.
Must not know: nodes, keys, files. Lines and columns count from 0 here, as in PyYAML.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml

Place = tuple[int, int]
Advice = tuple[int, int, str]

# What PyYAML takes for the end of a line.
_LINE_END = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_MISSING_SPACE = re.compile(r"\s*(?:-\s+)*[\w.-]+:(?=[^\s/])")
_COMMENT_AS_VALUE = re.compile(r"[:,\[{]\s+(#)")
_FOUND = re.compile(r"but (?:found|got) '(.+)'$")
_CLOSER = {"[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class _Mistake:
    """One error of PyYAML's; `since` is where the thing began that could not be read to its end."""

    lines: list[str]
    context: str
    problem: str
    at: Place
    since: Place
    quoted: tuple[Place, Place] | None
    """Start and end of the last quoted text before the error."""

    @property
    def found(self) -> str:
        match = _FOUND.search(self.problem)
        return match[1] if match else ""

    def line(self, number: int) -> str:
        return self.lines[number] if number < len(self.lines) else ""

    def character(self, place: Place) -> str:
        return self.line(place[0])[place[1] : place[1] + 1]

    def indentation(self, number: int) -> int:
        line = self.line(number)
        return len(line) - len(line.lstrip(" \t"))

    def above(self, number: int) -> int:
        """The nearest line above that is not empty."""
        return next((n for n in range(number - 1, -1, -1) if self.line(n).strip()), 0)


def place_of(text: str, index: int) -> Place:
    """Line and column of a character of the text, counted from 0."""
    ends = [match.end() for match in _LINE_END.finditer(text, 0, index)]
    return len(ends), index - (ends[-1] if ends else 0)


def explain(error: yaml.YAMLError, text: str) -> Advice:
    """Line, column (from 0) and a message that names the remedy."""
    if isinstance(error, yaml.reader.ReaderError):
        line, column = place_of(text, error.position)
        return (
            line,
            column,
            f"the character U+{int(error.character):04X} cannot stand in YAML; remove it",
        )
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return 0, 0, str(error)
    at = (error.problem_mark.line, error.problem_mark.column)
    since = (error.context_mark.line, error.context_mark.column) if error.context_mark else at
    quoted, opened = _scan(text, at)
    if error.problem == "expected the node content, but found '<stream end>'" and opened:
        since = opened
    mistake = _Mistake(
        _LINE_END.split(text), error.context or "", error.problem or "", at, since, quoted
    )
    for rule in _RULES:
        advice = rule(mistake)
        if advice is not None:
            return advice
    return *at, " ".join(part for part in (error.context, error.problem) if part)


def _scan(text: str, before: Place) -> tuple[tuple[Place, Place] | None, Place | None]:
    """The last quoted text and the innermost open bracket before that place."""
    quoted = None
    opened: list[Place] = []
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            start = (token.start_mark.line, token.start_mark.column)
            if start >= before:
                break
            if isinstance(token, yaml.ScalarToken) and token.style in ("'", '"'):
                quoted = start, (token.end_mark.line, token.end_mark.column)
            elif isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken):
                opened.append(start)
            elif isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken) and opened:
                opened.pop()
    except yaml.YAMLError:
        pass  # the very error that is being explained
    return quoted, opened[-1] if opened else None


def _quote(m: _Mistake) -> Advice | None:
    if m.context == "while scanning a quoted scalar":
        return *m.since, f"this {m.character(m.since)} is never closed; add the closing quote"
    if "escape" in m.problem:
        return (
            *m.at,
            'a \\ in "..." starts an escape; write \\\\ for a backslash, or use single quotes',
        )
    if m.quoted is None or m.quoted[1][0] != m.at[0]:
        return None
    (start, end), mark = m.quoted, m.character(m.quoted[0])
    if start[0] != end[0]:
        return (
            *start,
            f"this {mark} is not closed on its line and takes in the lines below; add the closing quote",
        )
    if end == m.at or m.problem.startswith("expected <block end>"):
        within = "write it twice ('') inside '...'" if mark == "'" else 'write \\" inside "..."'
        return (
            *m.at,
            f"nothing may follow the closing {mark}; if the {mark} belongs to the text, {within}",
        )
    return None


def _tab(m: _Mistake) -> Advice | None:
    line = m.line(m.at[0])
    indentation = line[: m.indentation(m.at[0])]
    if "\t" in indentation:
        return m.at[0], indentation.index("\t"), "a tab cannot indent YAML; use spaces"
    if m.character(m.at) == "\t":
        return *m.at, "a tab cannot stand here; use spaces"
    return None


def _first_character(m: _Mistake) -> Advice | None:
    sign, place = "", m.at
    if "cannot start any token" in m.problem:
        sign = m.character(m.at)
    elif m.context in (
        "while scanning an alias",
        "while scanning an anchor",
        "while scanning a tag",
    ):
        sign, place = m.character(m.since), m.since
    elif m.problem.startswith("expected the node content") or "keys are not allowed" in m.problem:
        sign = m.character(m.at)
    elif m.problem.startswith("expected '<document start>'") or "directive" in m.context:
        number = next((n for n, line in enumerate(m.lines) if line.startswith("%")), None)
        sign, place = ("%", (number, 0)) if number is not None else ("", m.at)
    if not sign.strip():
        return None
    return *place, f"a text cannot start with {sign} unless it is in quotes"


def _document(m: _Mistake) -> Advice | None:
    if m.problem.startswith("expected '<document start>'"):
        return *m.at, 'nothing may follow the end of the document; remove the "..." above'
    if m.context == "while scanning a block scalar":
        sign = m.character(m.since)
        return (
            *m.at,
            f"the text after {sign} starts on the next line; put a text that begins with {sign} in quotes",
        )
    return None


def _glued(m: _Mistake, number: int) -> Advice | None:
    """`key:value` or `-item` on that line."""
    line = m.line(number)
    match = _MISSING_SPACE.match(line)
    if match:
        return number, match.end(), "a space is missing after the colon"
    if re.match(r"\s*-[^\s-]", line):
        return number, m.indentation(number) + 1, 'a space is missing after the "-"'
    return None


def _colon(m: _Mistake) -> Advice | None:
    if m.problem != "mapping values are not allowed here":
        return None
    number, column = m.at
    if ": " in m.line(number)[:column]:
        return (
            *m.at,
            'a colon and a space inside a text without quotes; put the text in quotes: "..."',
        )
    glued = _glued(m, m.above(number))
    if glued:
        return glued
    message = "this line is indented deeper than the one above, which already has its value; align the two"
    return number, m.indentation(number), message


def _bare_line(m: _Mistake) -> Advice | None:
    if m.context != "while scanning a simple key":
        return None
    glued = _glued(m, m.since[0])
    if glued:
        return glued
    return *m.since, 'expected "key: value"; indent this line if it goes on with the text above'


def _brackets(m: _Mistake) -> Advice | None:
    opener = m.character(m.since)
    if not m.context.startswith("while parsing a flow") or opener not in _CLOSER:
        return None
    comment = _COMMENT_AS_VALUE.search(m.line(m.since[0]), m.since[1])
    if comment:
        return (
            m.since[0],
            comment.start(1),
            'a # after a space starts a comment; for the key write "#"',
        )
    if m.found == "{" and m.line(m.at[0])[: m.at[1]].endswith("$"):
        return (
            m.at[0],
            m.at[1] - 1,
            'a text with ${...} inside [ ] or { } must be in quotes: "${...}"',
        )
    closer = _CLOSER[opener]
    unclosed = f'this "{opener}" is not closed; add "{closer}"'
    if m.found == "<stream end>":
        return *m.since, unclosed
    if m.found in _CLOSER.values():
        opened = f"line {m.since[0] + 1}, column {m.since[1] + 1}"
        return (
            *m.at,
            f'expected "{closer}", not "{m.found}": the "{opener}" of {opened} is still open',
        )
    if m.at[0] == m.since[0]:
        return (
            *m.at,
            f'expected "," or "{closer}" here; put a text with one of : , [ ] {{ }} in quotes',
        )
    if m.indentation(m.at[0]) > m.indentation(m.since[0]):
        return (
            m.at[0],
            m.indentation(m.at[0]),
            f'a "," is missing at the end of the line above (or a "{closer}")',
        )
    return *m.since, unclosed


def _block(m: _Mistake) -> Advice | None:
    if m.problem.startswith("sequence entries are not allowed"):
        return (
            *m.at,
            'a list starts on the line below its key; put a text that begins with "- " in quotes',
        )
    if not m.problem.startswith("expected <block end>"):
        return None
    if m.found in ("]", "}"):
        return *m.at, f'this "{m.found}" closes nothing; remove it'
    if m.found == "-":
        return *m.at, 'a "-" among keys; indent it below its key, or remove it'
    if m.found == "?":
        return *m.at, 'a key among list items; start it with "- ", or correct its indentation'
    return *m.at, "the indentation matches no line above; align this line with its neighbours"


_RULES: tuple[Callable[[_Mistake], Advice | None], ...] = (
    _quote,
    _tab,
    _first_character,
    _document,
    _colon,
    _bare_line,
    _brackets,
    _block,
)
