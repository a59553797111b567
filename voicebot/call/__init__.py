"""One call, from its identifier to its end, and what all calls share."""
