"""Environment, sign-in and Prefect blocks."""
