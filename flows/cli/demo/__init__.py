"""The main workflow end to end, on an embedded tenant."""
