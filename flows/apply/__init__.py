"""An apply in waves and in shards: Prefect's side of it."""
