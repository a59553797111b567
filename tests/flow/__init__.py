"""Tests of the dialogue: pure, no event loop."""
