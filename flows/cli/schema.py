"""`entra-fleet schema`."""


def command() -> None:
    """Print the JSON Schema of the fleet file, for editors."""
    from flows.cli.output import print_json
    from flows.reconcile.fleet_schema import fleet_schema

    print_json(fleet_schema())
