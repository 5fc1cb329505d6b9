"""Applications, service principals, people, assignments and the gallery."""
