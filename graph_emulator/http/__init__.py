"""The wire: ASGI, routes, OData, errors, the request log."""
