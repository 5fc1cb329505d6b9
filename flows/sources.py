"""Where the values behind references come from."""

from collections.abc import Mapping

from flows.environment import environment
from flows.reconcile.references import Source, SourceError, read_secret_file


def sources() -> Mapping[str, Source]:
    """Return the sources this process can read, by the scheme of the reference."""
    return {"env": _from_environment, "file": read_secret_file, "block": _from_block}


def _from_environment(name: str) -> str:
    value = environment().get(name)
    if value is None:
        raise KeyError(name)
    return value


async def _from_block(name: str) -> str:
    """Return one field of an `AppCredentials` or `Secret` block, `name` being BLOCK/FIELD."""
    # Prefect takes a second to import, and only a reference to a block needs it.
    from flows.blocks import load_credential  # noqa: PLC0415

    block, _, field = name.partition("/")
    try:
        return await load_credential(block, field)
    except (ValueError, KeyError):
        raise SourceError(
            f"there is no Prefect block {block!r} with a field {field!r}",
            "Create an AppCredentials block of that name in the Prefect UI, or correct the reference.",
        ) from None
