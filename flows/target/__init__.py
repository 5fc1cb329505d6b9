"""Target systems, as Entra ID will meet them: read before they are handed over, and never written to."""
