"""Staying within Graph's throttling limits."""
