"""The processes that commands start and stop."""
