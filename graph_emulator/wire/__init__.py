"""What crosses the wire: requests and responses, bodies, query options, errors, the request log."""
