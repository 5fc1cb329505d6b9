"""The fleet file: its models, its loader, and the checks before any call to Graph."""
