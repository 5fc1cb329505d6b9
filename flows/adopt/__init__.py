"""Taking over applications that were made by hand: what they are, and the fleet file that describes them."""
