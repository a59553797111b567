"""What callers say, spoken by the synthetic caller's voice."""

import numpy as np
import soxr
import trio

from voicebot.phone.voice import SHIPPED, CallerVoice

from .rtp import Samples


def spoken(text: str, rate_hz: int = 16000) -> Samples:
    """A text as samples."""
    speech = trio.run(CallerVoice(SHIPPED), text)
    samples: Samples = soxr.resample(np.frombuffer(speech.pcm, "<i2"), speech.rate_hz, rate_hz)
    return samples
