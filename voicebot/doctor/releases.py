"""What is to be said of Asterisk's version.

Knows verdicts.  Must not know which release has what (pbx/releases.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from voicebot.doctor.results import Result, fail, ok, warn
from voicebot.pbx.releases import FIRST, GOOD, bugs_of, parse_release


def judge_version(text: str) -> Iterator[Result]:
    """What is to be said of `core show version`, or what else names the version."""
    release = parse_release(text)
    if release is None:
        shown = " ".join(text.split())[:60]
        yield warn("version", f'"{shown}" names no release: {GOOD} have all fixes of AudioSocket')
        return
    if release.major < FIRST:
        yield fail(
            "version", f"Asterisk {release} has no AudioSocket: take {GOOD}, or one that is newer"
        )
        return
    bugs = bugs_of(release)
    if not bugs:
        yield ok("version", f"Asterisk {release}: it has all known fixes of AudioSocket")
        return
    told = f"Asterisk {release} has {len(bugs)} known bug{'s' * (len(bugs) > 1)} of AudioSocket"
    yield warn("version", f"{told}, below: {GOOD} have none")
    for bug in bugs:
        yield warn(bug.name, f"{bug.effect}: {bug.remedy}")
