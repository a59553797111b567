"""What stands in place of a secret, and where one is found in a text.

Knows texts only.  Must not know which values are secret, or where they would be written.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

MASK: Final = "***"
"""Stands for a secret value."""
MASKED_KEY: Final = "•"
"""Stands for a key that may belong to a secret."""
ANYWHERE: Final = 4
"""Characters.  A shorter secret ("7") is taken out only where it stands as a word of its own: it is
in most numbers by chance."""


def pattern_of(secrets: Collection[str]) -> re.Pattern[str] | None:
    """What matches each of these in a text; None where there are none."""
    found = frozenset(secrets) - {""}
    return _pattern(found) if found else None


@lru_cache(maxsize=256)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(secrets, key=len, reverse=True)
    alternatives = (
        re.escape(one) if len(one) >= ANYWHERE else rf"(?<!\w){re.escape(one)}(?!\w)"
        for one in longest_first
    )
    return re.compile("|".join(alternatives))
