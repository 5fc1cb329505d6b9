"""The APIs on top, Graph, sign-in and control, and the two ways in: a transport and a server."""
