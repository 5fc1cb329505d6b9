"""What goes wrong on purpose: rules, profiles, latency, throttling."""
