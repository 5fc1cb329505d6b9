"""What is there: observation and ownership."""
