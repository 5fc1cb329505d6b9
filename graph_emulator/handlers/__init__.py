"""The routes, and one file for each resource: from a call to an answer."""
