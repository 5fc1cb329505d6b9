"""The main job end to end, on an embedded tenant."""
