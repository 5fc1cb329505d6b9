"""`entra-fleet schema`: the JSON Schemas of our files, and the synchronization schemas of jobs."""

from typing import Annotated

import typer

from flows.cli.commands import schema_adopt, schema_export, schema_history, schema_restore

app = typer.Typer(help="Attribute mappings as code, and the JSON Schemas of fleet and mappings files.")


@app.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    mappings: Annotated[bool, typer.Option("--mappings", help="Print the schema of a mappings file instead.")] = False,
) -> None:
    """Print the JSON Schema of the fleet file, for editors, or run one of the commands below."""
    if context.invoked_subcommand:
        return
    from flows.cli.output.console import print_json
    from flows.fleet_file.json_schema import fleet_schema, mappings_schema

    print_json(mappings_schema() if mappings else fleet_schema())


app.command("export")(schema_export.command)
app.command("adopt")(schema_adopt.command)
app.command("history")(schema_history.command)
app.command("restore")(schema_restore.command)
