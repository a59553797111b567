"""The speech engines, each in a process of its own behind the Wyoming protocol, and the way to them."""
