"""The exit codes of all verbs."""

from typing import Final

FINE: Final = 0
FINDINGS: Final = 1
"""What was looked at is wrong: errors in a file, a test that failed, a caller who was not understood."""
USAGE: Final = 2
ENVIRONMENT: Final = 3
"""Something outside is missing or taken: a busy port, a voice that cannot be loaded."""
INTERRUPTED: Final = 130
