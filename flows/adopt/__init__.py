"""Adopting applications that were created by hand: finding them, and writing their fleet file."""
