"""Text and Markdown for people."""
