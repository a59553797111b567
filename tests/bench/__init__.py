"""The bench: what a call costs and how late its frames are. `python -m tests.bench`, see __main__.py."""
