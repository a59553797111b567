"""The tone after which a caller is recorded.

Knows its pitch, length and level.  Must not know when it is played.
"""

from functools import cache
from typing import Final

import numpy as np

from voicebot.line.audio import FULL_SCALE
from voicebot.speaking.prompts import Clip

BEEP_HZ: Final = 1000
BEEP_S: Final = 0.4
BEEP_DBFS: Final = -18.0
FADE_S: Final = 0.005
"""So that it neither begins nor ends with a click."""
RATE_HZ: Final = 16000


@cache
def beep() -> Clip:
    """Give the tone, the same clip to all calls."""
    times = np.arange(int(BEEP_S * RATE_HZ)) / RATE_HZ
    peak = FULL_SCALE * 10 ** (BEEP_DBFS / 20) * np.sqrt(2)
    fade = np.minimum(1, np.minimum(times, times[::-1]) / FADE_S)
    tone = peak * fade * np.sin(2 * np.pi * BEEP_HZ * times)
    return Clip("beep", RATE_HZ, np.round(tone).astype("<i2").tobytes())
