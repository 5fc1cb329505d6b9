"""The sign-in authority: tokens, assertions, metadata."""
