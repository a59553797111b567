"""The exit codes of all verbs, and which of several errors decides on one."""

from typing import Final

FINE: Final = 0
FINDINGS: Final = 1
"""What was looked at is wrong: errors in a file, a test that failed, a caller who was not understood."""
USAGE: Final = 2
ENVIRONMENT: Final = 3
"""Something outside is missing or taken: a busy port, a voice that cannot be loaded."""
INTERRUPTED: Final = 130


def first_error(error: BaseException) -> BaseException:
    """The first of the errors that nurseries have put into groups; Ctrl-C, which ends the workers too, before all."""
    if isinstance(error, BaseExceptionGroup):
        error = error.subgroup(KeyboardInterrupt) or error
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
