"""A real Asterisk on loopback, a SIP phone that calls through it, and the tests that need both."""
