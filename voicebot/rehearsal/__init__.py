"""Rehearsals of a flow: its tests, in text and in audio, and `voicebot talk`.

A rehearsal plays everybody around the dialogue: the caller, the clock, servers, extensions.
"""
