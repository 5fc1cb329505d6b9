"""The two ways in, a transport and a server, and the control interface."""
