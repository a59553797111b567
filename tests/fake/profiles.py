"""The releases of Asterisk that a server may meet, as a table of what tells their readers apart.

Must not know sockets, clocks or how a message is read. Each field is a line of the C source that a
release changed; the names in brackets are the commits.
"""

from dataclasses import dataclass
from enum import StrEnum

BASE_RATE_HZ = 8000


class Form(StrEnum):
    """How the dialplan reaches the server."""

    APP = "app"
    """AudioSocket(uuid,host:port)"""
    CHAN = "chan"
    """Dial(AudioSocket/host:port/uuid/c(codec),,g), or ARI's externalMedia"""


@dataclass(frozen=True, slots=True)
class Profile:
    """One reader and writer."""

    name: str
    releases: str
    strict: bool
    """An end is an end, kinds that it does not know and empty audio are fatal [4e546c35]."""
    sends_keys: bool
    """0x03 at the release of a key [a5bc39fa]."""
    payload_patience_s: float
    """How long it waits, at each gap within a payload, for the rest [3924a828]."""
    waits_for_header: bool
    """A header in pieces is waited for, without limit [27fb0398]."""
    header_in_place: bool
    """… and its pieces are put behind one another, not each at the beginning [4ba7014f]."""
    rates: bool
    """It reads and writes the kinds 0x11 to 0x18 [ff0523a3]."""
    idle_s: float | None
    """The app gives up when nothing came from either side for so long; None: never."""
    nodelay: bool = True
    """Its own messages wait for no acknowledgement [c4db87ae]."""
    fork: bool = False
    """rainbow-cnay/audiosocket: keys both ways as 0x02, control frames as 0x03."""

    def __str__(self) -> str:
        return self.name


V2020 = Profile(
    name="v2020",
    releases="18.0-18.26, 19, 20.0-20.13, 21.0-21.8, 22.0-22.3, certified 18.9 and 20.7",
    strict=False,
    sends_keys=False,
    payload_patience_s=0.0,
    waits_for_header=False,
    header_in_place=False,
    rates=False,
    idle_s=None,
    nodelay=False,
)
V20_14 = Profile(
    name="v20_14",
    releases="20.14, 21.9, 22.4",
    strict=True,
    sends_keys=True,
    payload_patience_s=0.0,
    waits_for_header=False,
    header_in_place=False,
    rates=False,
    idle_s=2.0,
    nodelay=False,
)
V20_15 = Profile(
    name="v20_15",
    releases="20.15-20.16, 21.10-21.11, 22.5-22.6, 23.0",
    strict=True,
    sends_keys=True,
    payload_patience_s=0.005,
    waits_for_header=False,
    header_in_place=False,
    rates=False,
    idle_s=2.0,
)
V20_17 = Profile(
    name="v20_17",
    releases="20.17-20.18, 22.7-22.8, 23.1-23.2",
    strict=True,
    sends_keys=True,
    payload_patience_s=0.005,
    waits_for_header=True,
    header_in_place=False,
    rates=True,
    idle_s=2.0,
)
V20_20 = Profile(
    name="v20_20",
    releases="20.19-20.20, 22.9-22.10, 23.3-23.4",
    strict=True,
    sends_keys=True,
    payload_patience_s=0.005,
    waits_for_header=True,
    header_in_place=True,
    rates=True,
    idle_s=2.0,
)
# It was made from the reader of 2020.
FORK = Profile(
    name="fork",
    releases="rainbow-cnay/audiosocket",
    strict=False,
    sends_keys=False,
    payload_patience_s=0.0,
    waits_for_header=False,
    header_in_place=False,
    rates=False,
    idle_s=None,
    nodelay=False,
    fork=True,
)

PROFILES = {p.name: p for p in (V2020, V20_14, V20_15, V20_17, V20_20, FORK)}
