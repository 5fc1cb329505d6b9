"""`python -m flows.cli` is `entra-fleet`."""

from flows.cli.main import main

main()
