"""Asterisk's releases, and what is wrong with AudioSocket in which of them.

Knows versions as people and packages write them, and the fixes by release, as blobs of all tags of asterisk/asterisk
were compared.  Must not know how a version is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_VERSION: Final = re.compile(
    r"\s*(?:Asterisk\s+)?(?P<certified>certified[/-])?(?P<major>\d{1,2})\.(?P<minor>\d{1,3})"
    r"(?:\.(?P<patch>\d+))?(?P<cert>-cert\d+)?"
)

FIRST: Final = 18
"""The first major version with AudioSocket."""
GOOD: Final = "20.20, 22.10 or 23.4"
"""From here on none of these bugs is there."""


@dataclass(frozen=True, slots=True)
class Release:
    """A version of Asterisk."""

    major: int
    minor: int
    patch: int = 0
    certified: bool = False

    def __str__(self) -> str:
        text = f"{self.major}.{self.minor}"
        return f"certified/{text}" if self.certified else f"{text}.{self.patch}"


def parse_release(text: str) -> Release | None:
    """The release of `Asterisk 22.10.1~dfsg+~cs6… built by …`, `certified/20.7-cert3` or `18.26.4`.

    None: a build from a branch, or no version at all.
    """
    match = _VERSION.match(text)
    if match is None:
        return None
    return Release(
        int(match["major"]),
        int(match["minor"]),
        int(match["patch"] or 0),
        bool(match["certified"] or match["cert"]),
    )


Span = tuple[int, int | None]
"""The first minor version that is affected, and the first that is not; None: all later ones are."""
ALL: Final[Span] = (0, None)


@dataclass(frozen=True, slots=True)
class Bug:
    """Something that AudioSocket does wrong, or cannot do, in some releases."""

    name: str
    affected: Mapping[int, Span]
    """By major version; one that is not named is not affected."""
    effect: str
    remedy: str
    """What to write in the dialplan, or else to do, as long as Asterisk is not newer."""

    def is_in(self, release: Release) -> bool:
        """Whether this release has it.  A certified one is as the release that it was made from."""
        span = self.affected.get(release.major)
        if span is None:
            return False
        first, fixed = span
        return first <= release.minor and (fixed is None or release.minor < fixed)


def _until(of_20: int, of_21: int | None, of_22: int, of_23: int = 0) -> Mapping[int, Span]:
    """Affected from the first release on, up to these."""
    spans: dict[int, Span] = {18: ALL, 19: ALL, 20: (0, of_20), 21: (0, of_21), 22: (0, of_22)}
    return spans | ({23: (0, of_23)} if of_23 else {})


_BY_DIAL: Final = "write Dial(AudioSocket/host:port/uuid/c(slin),,g), and for AGI() listen.agi: {..., audio: slin}"
_BY_APP: Final = "write AudioSocket() where 8 kHz are enough"
_RATES: Final = Bug(
    "rates",
    _until(17, 12, 7, 1),
    "audio wider than 8 kHz comes without its rate, and goes back as 8 kHz only",
    "write c(slin), not c(slin16)",
)

BUGS: Final = (
    Bug(
        "a core per call",
        {18: (0, 20), 19: ALL, 20: (0, 5)},
        "AudioSocket() keeps a whole processor core busy for each call",
        _BY_DIAL,
    ),
    Bug(
        "end of the bot",
        _until(14, 9, 4),
        "AudioSocket() ends the call when the bot hangs up",
        _BY_DIAL,
    ),
    Bug(
        "keys",
        _until(14, 9, 4),
        "keys that callers press do not reach the bot",
        "nothing in the dialplan helps: update, or let callers speak",
    ),
    Bug(
        "UUID()",
        _until(12, 7, 2),
        "there is no ${UUID()}",
        "write ${SHELL(uuidgen | tr -d '\\n')}, or bring calls through AGI()",
    ),
    Bug(
        "messages in pieces",
        _until(15, 10, 5),
        "a message that the network cuts in two ends the call",
        "run the bot on Asterisk's machine, or next to it",
    ),
    _RATES,
    Bug(
        "a silent moment",
        {20: (14, 17), 21: (9, None), 22: (4, 7), 23: (0, 1)},
        '"Resource temporarily unavailable" may end a call of the form with Dial',
        _BY_APP,
    ),
    Bug(
        "half a header",
        {20: (17, 19), 22: (7, 9), 23: (1, 3)},
        "a header that the network cuts in two turns all that follows into noise",
        "run the bot on Asterisk's machine, or next to it",
    ),
    Bug(
        "comfort noise",
        {20: (14, 20), 21: (9, None), 22: (4, 10), 23: (0, 4)},
        "a caller whose phone sends comfort noise is cut off, in the form with Dial",
        "write AudioSocket(), or turn silence suppression off at the phones and the trunk",
    ),
    Bug(
        "memory",
        _until(18, None, 8, 2),
        "each call of the form with Dial leaves some memory behind",
        f"{_BY_APP}, or restart Asterisk now and then",
    ),
)
"""In the order in which they hurt.  Majors above 23 have all fixes."""


def bugs_of(release: Release) -> tuple[Bug, ...]:
    """What is wrong in this release, of what is known."""
    return tuple(bug for bug in BUGS if bug.is_in(release))


def takes_every_rate(release: Release) -> bool:
    """Whether audio has its rate with it, kinds 0x11 to 0x18, in both directions."""
    return release.major >= FIRST and not _RATES.is_in(release)
