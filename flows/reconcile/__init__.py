"""The desired state, the observed state, and the steps from one to the other; without Prefect."""
