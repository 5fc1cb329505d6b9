"""The steps that make one instance what the fleet file says; each finds before it makes."""
