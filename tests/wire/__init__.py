"""A test for each row of the AudioSocket wire contract that concerns a server, named after it."""
