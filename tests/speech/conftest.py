"""The fixtures of the real workers."""

from tests.speech.workers import digits_pcm, piper_uri, vosk_uri

__all__ = ["digits_pcm", "piper_uri", "vosk_uri"]
