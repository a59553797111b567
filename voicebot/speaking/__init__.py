"""What the bot says: prompts, their sound, and what leaves next."""
