"""The report: one page about fleets, jobs and events, from the store alone."""
