"""A flow as a drawing: SVG where graphviz is installed, text for Mermaid where it is not.

Knows graphviz's program `dot`.  Must not know commands, or how a flow is turned into its text.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Final

from voicebot.flow import graph
from voicebot.flow.model import Flow
from voicebot.flow.yamlfile import Mark

FORMATS: Final = ("svg", "dot", "mermaid")
_BY_NAME: Final = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".md": "mermaid"}
_LAYOUT_S: Final = 60
"""A flow of 500 nodes takes some seconds."""


def format_of(path: Path | None) -> str:
    """What a file of that name is expected to hold.

    Raises:
        ValueError: it is none that is drawn; one line for who named it.
    """
    if path is None or not path.suffix:
        return "svg"
    if path.suffix.lower() not in _BY_NAME:
        raise ValueError(f'"{path}" does not end in {", ".join(_BY_NAME)}')
    return _BY_NAME[path.suffix.lower()]


def draw(flow: Flow, form: str, taken: Collection[Mark] | None = None) -> tuple[str, str]:
    """A flow in one of the FORMATS.

    Args:
        taken: what calls came through, for coverage; None: it is not shown.

    Returns:
        The text; and the format that it really has: Mermaid where SVG could not be made.
    """
    if form == "svg":
        svg = _laid_out(graph.dot(flow, taken))
        if svg is not None:
            return svg, "svg"
        form = "mermaid"
    text = graph.dot(flow, taken) if form == "dot" else graph.mermaid(flow, taken)
    return text, form


def _laid_out(text: str) -> str | None:
    program = shutil.which("dot")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "-Tsvg"],
            input=text.encode(),
            capture_output=True,
            timeout=_LAYOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None  # a graphviz that does not work is as good as none
    return done.stdout.decode()
