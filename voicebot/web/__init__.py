"""The port for requests: who is about to call, and what became of a call."""
