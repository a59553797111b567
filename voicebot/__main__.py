"""`python -m voicebot` is `voicebot`."""

import sys


def main() -> int:
    """The command line; whoever stops it while it still loads gets no traceback."""
    try:
        from voicebot.cli import main as command_line  # noqa: PLC0415 - it takes most of a second

        return command_line()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
