"""The switchboard around a call: who calls, where the call goes on, and what the dialplan is told."""
