"""The telephone lines of the bench, by name.

Knows what the figures are counted on.  Must not know what is played on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from voicebot.rehearsal.impairments import Codec, Noise, Sound

CLEAN: Final = "clean"
NOISES: Final = (Noise.SPEECH, Noise.BABBLE, Noise.STREET)
RATIOS_DB: Final = (20, 15, 10)
ECHOES_DB: Final = (-6, -12, -18, -24)
ECHO_DELAYS_MS: Final = (20, 120, 400)


def _echo(level_db: int, delay_ms: int) -> Sound:
    return Sound(snr_db=None, echo_db=level_db, echo_delay_s=delay_ms / 1000)


QUIET_LINES: Final[Mapping[str, Sound]] = {
    CLEAN: Sound(snr_db=None),
    "a-law": Sound(codec=Codec.ALAW, snr_db=None),
    "2 % loss": Sound(snr_db=None, loss=0.02),
}
NOISY_LINES: Final[Mapping[str, Sound]] = {
    f"{noise} {ratio} dB": Sound(noise=noise, snr_db=ratio)
    for noise in NOISES
    for ratio in RATIOS_DB
}
ECHO_LINES: Final[Mapping[str, Sound]] = {
    f"echo {level} dB {delay} ms": _echo(level, delay)
    for level in ECHOES_DB
    for delay in ECHO_DELAYS_MS
}
LINES: Final[Mapping[str, Sound]] = {**QUIET_LINES, **NOISY_LINES, **ECHO_LINES}
