"""The bench: callers who are made or recorded, played to the bot, and what they met with."""
