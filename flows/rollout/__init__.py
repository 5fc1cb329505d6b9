"""Rollout in waves: pure functions."""
