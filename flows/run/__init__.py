"""The seam to Prefect: task runner, run context, journal, names, log filter, progress."""
