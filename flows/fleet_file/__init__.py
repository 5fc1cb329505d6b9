"""The fleet file: its models, how it is loaded, and what is checked before any call."""
