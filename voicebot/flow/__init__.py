"""The dialogue: pure functions of a flow file and of events. No trio, no clock, no sockets, no engine."""
