"""What the caller says: voice activity, the end of a turn, and the words."""
