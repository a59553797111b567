"""Where the flows and models are that come with voicebot.

Knows: the repository, and where a wheel puts the same folders. Must not know: what is in them.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """`flows` or `models/…`: beside the package in the repository, in `data/` when installed from a wheel."""
    packed = _PACKAGE / "data" / name
    return packed if packed.exists() else _PACKAGE.parent / name
