"""`python -m voicebot` is `voicebot`."""

import sys

from voicebot.cli import main

sys.exit(main())
