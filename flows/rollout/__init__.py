"""Roll-out in waves: pure functions."""
