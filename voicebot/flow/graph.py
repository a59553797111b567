"""A flow drawn: text for graphviz (dot) and for Mermaid.

Knows both languages, and the looks.  Must not know flows, only their picture; and runs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from voicebot.flow import model
from voicebot.flow.picture import Arrow, Kind, Picture, Vertex, picture
from voicebot.flow.yamlfile import Mark

_GREEN: Final = "#2e7d32"
_PALE_GREEN: Final = "#e8f5e9"
_GREY: Final = "#9e9e9e"
_INK: Final = "#37474f"

_LOOKS: Final = {
    Kind.START: 'shape=box style="rounded,filled" fillcolor="#fff3c4" penwidth=2.5',
    Kind.NODE: 'shape=box style="rounded,filled" fillcolor="#f5f9ff"',
    Kind.EVENTS: 'shape=note style=filled fillcolor="#f3e5f5"',
    Kind.HANGUP: 'shape=box style="filled" fillcolor="#eceff1" height=0.25 margin="0.08,0.03"',
    Kind.TRANSFER: 'shape=cds style="filled" fillcolor="#e1f0e5" margin="0.15,0.05"',
    Kind.RETURN: 'shape=box style="filled,dashed" fillcolor="#eceff1" height=0.25 margin="0.08,0.03"',
    Kind.MISSING: 'shape=box style="rounded,dashed" color="#c62828" fontcolor="#c62828"',
}
_MERMAID: Final = {
    Kind.START: ("([", "])"), Kind.NODE: ("(", ")"), Kind.EVENTS: ("[/", "/]"),
    Kind.HANGUP: ("[", "]"), Kind.TRANSFER: (">", "]"), Kind.RETURN: ("[", "]"),
    Kind.MISSING: ("{{", "}}"),
}  # fmt: skip
_ENDS: Final = (Kind.HANGUP, Kind.TRANSFER, Kind.RETURN)


class _Coverage:
    """What calls came through; of arrows without a mark of their own it follows from their ends."""

    def __init__(self, drawn: Picture, taken: Collection[Mark] | None) -> None:
        self.is_known = taken is not None
        marks = frozenset(taken or ())
        vertices, arrows = list(_all_vertices(drawn)), list(_all_arrows(drawn))
        self.vertices = {v.key for v in vertices if v.mark in marks}
        sources = {arrow.source for arrow in arrows if arrow.mark in marks}
        self.vertices |= {v.key for v in vertices if v.kind is Kind.EVENTS and v.key in sources}
        ends = {v.key for v in vertices if v.kind in _ENDS}
        self.arrows: set[Arrow] = set()
        for arrow in arrows:
            came = arrow.mark in marks if arrow.mark else arrow.source in self.vertices
            if came and (arrow.target in self.vertices or arrow.target in ends):
                self.arrows.add(arrow)
        self.vertices |= {arrow.target for arrow in self.arrows}


def _all_vertices(drawn: Picture) -> Iterator[Vertex]:
    yield from drawn.vertices
    for part in drawn.parts:
        yield from _all_vertices(part)


def _all_arrows(drawn: Picture) -> Iterator[Arrow]:
    yield from drawn.arrows
    for part in drawn.parts:
        yield from _all_arrows(part)


# dot -------------------------------------------------------------------------------------------


def dot(flow: model.Flow, taken: Collection[Mark] | None = None) -> str:
    """The flow for graphviz.

    Args:
        taken: the marks that calls came through (Dialog.taken); these are drawn green, the others
            grey and dashed.  None: coverage is not shown.
    """
    drawn = picture(flow)
    coverage = _Coverage(drawn, taken)
    lines = [
        f"digraph {_quoted(drawn.title)} {{",
        f"  label={_quoted(drawn.title)} labelloc=t fontsize=18 rankdir=TB nodesep=0.35 ranksep=0.55",
        '  fontname="Helvetica"',
        f'  node [fontname="Helvetica" fontsize=11 color="{_INK}" fontcolor="#1c262b"]',
        f'  edge [fontname="Helvetica" fontsize=9 color="{_INK}" fontcolor="{_INK}" arrowsize=0.7]',
    ]
    lines += _dot_vertices(drawn, coverage, "  ")
    lines += [_dot_arrow(arrow, coverage) for arrow in _all_arrows(drawn)]
    return "\n".join([*lines, "}"]) + "\n"


def _dot_vertices(drawn: Picture, coverage: _Coverage, indent: str) -> Iterator[str]:
    for vertex in drawn.vertices:
        yield f"{indent}{vertex.key} [{_LOOKS[vertex.kind]} {_dot_covered(vertex, coverage)}label={_dot_label(vertex)}]"
    for part in drawn.parts:
        yield f"{indent}subgraph cluster_{part.key} {{"
        yield f'{indent}  label={_quoted("flow " + part.title)} fontsize=13 style=rounded color="{_GREY}"'
        yield from _dot_vertices(part, coverage, indent + "  ")
        yield f"{indent}}}"


def _dot_covered(vertex: Vertex, coverage: _Coverage) -> str:
    if not coverage.is_known:
        return ""
    if vertex.key in coverage.vertices:
        return f'color="{_GREEN}" fillcolor="{_PALE_GREEN}" '
    return f'style=dashed color="{_GREY}" fontcolor="{_GREY}" '


def _dot_label(vertex: Vertex) -> str:
    if vertex.kind in _ENDS:
        return _quoted(vertex.title)
    name = f"<b>{_html(vertex.title)}</b>"
    lines = "".join(f'<br/><font point-size="9">{_html(line)}</font>' for line in vertex.lines)
    return f"<{name}{lines}>"


def _dot_arrow(arrow: Arrow, coverage: _Coverage) -> str:
    looks = [f"label={_quoted(' ' + arrow.label + ' ')}"] if arrow.label else []
    if arrow.is_call:
        looks.append("arrowhead=vee dir=both arrowtail=odot")
    if coverage.is_known and arrow in coverage.arrows:
        looks.append(f'color="{_GREEN}" fontcolor="{_GREEN}" penwidth=1.5')
    elif coverage.is_known:
        looks.append(f'style=dashed color="{_GREY}" fontcolor="{_GREY}"')
    return f"  {arrow.source} -> {arrow.target} [{' '.join(looks)}]"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# Mermaid ---------------------------------------------------------------------------------------


def mermaid(flow: model.Flow, taken: Collection[Mark] | None = None) -> str:
    """The flow for Mermaid, as Markdown pages draw it.  Args: as dot()."""
    drawn = picture(flow)
    coverage = _Coverage(drawn, taken)
    lines = ["flowchart TD"]
    lines += _mermaid_vertices(drawn, "  ")
    arrows = list(_all_arrows(drawn))
    for arrow in arrows:
        line = "-.->" if arrow.is_call else "-->"
        label = f'|"{_entities(arrow.label)}"|' if arrow.label else ""
        lines.append(f"  {arrow.source} {line}{label} {arrow.target}")
    starts = [v.key for v in _all_vertices(drawn) if v.kind is Kind.START]
    lines += [f"  style {key} stroke-width:3px" for key in starts]
    if coverage.is_known:
        lines += _mermaid_coverage(drawn, arrows, coverage)
    return "\n".join(lines) + "\n"


def _mermaid_vertices(drawn: Picture, indent: str) -> Iterator[str]:
    for vertex in drawn.vertices:
        opening, closing = _MERMAID[vertex.kind]
        text = "<br/>".join(map(_entities, (vertex.title, *vertex.lines)))
        yield f'{indent}{vertex.key}{opening}"{text}"{closing}'
    for part in drawn.parts:
        yield f'{indent}subgraph {part.key} ["flow {_entities(part.title)}"]'
        yield from _mermaid_vertices(part, indent + "  ")
        yield f"{indent}end"


def _mermaid_coverage(drawn: Picture, arrows: list[Arrow], coverage: _Coverage) -> Iterator[str]:
    yield f"  classDef covered stroke:{_GREEN},fill:{_PALE_GREEN}"
    yield f"  classDef missed stroke:{_GREY},color:{_GREY},stroke-dasharray:4 4"
    for vertex in _all_vertices(drawn):
        yield f"  class {vertex.key} {'covered' if vertex.key in coverage.vertices else 'missed'}"
    for number, arrow in enumerate(arrows):
        covered = arrow in coverage.arrows
        looks = f"stroke:{_GREEN}" if covered else f"stroke:{_GREY},stroke-dasharray:4 4"
        yield f"  linkStyle {number} {looks}"


def _entities(text: str) -> str:
    """Whatever means something to Mermaid or HTML, as a code of its own kind (#35; is #)."""
    return "".join(
        c if c.isalnum() or c in " .,?!-:'_" or not c.isascii() else f"#{ord(c)};" for c in text
    )
