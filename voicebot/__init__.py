"""voicebot: a telephone voice agent that runs on one box, offline."""

__version__ = "0.1.0"
