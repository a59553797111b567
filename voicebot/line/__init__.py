"""One telephone leg: what is on the wire, and when. Knows nothing of engines, flows or prompts."""
