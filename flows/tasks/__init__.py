"""The Prefect tasks: a log line and one call each."""
