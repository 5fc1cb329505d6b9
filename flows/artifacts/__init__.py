"""What a run leaves in the Prefect UI to look at."""
