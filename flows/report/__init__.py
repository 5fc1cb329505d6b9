"""One page about fleets, jobs and events, from the store; knows neither Graph nor Prefect."""
