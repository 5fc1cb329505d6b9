"""Writing a text to a file that must not be there yet, or to standard output."""

from pathlib import Path

from flows.cli.errors import CommandFailed
from flows.cli.output.console import print_text


def refuse_existing(out: Path | None) -> None:
    """Make sure that a file is not there.

    Raises:
        CommandFailed: It is.
    """
    if out and out.exists():
        raise CommandFailed(f"{out} exists already.\nName another file.")


def write_new(text: str, out: Path | None) -> None:
    """Write a text to a new file, or to standard output if none is named.

    Raises:
        CommandFailed: The file is there already, or cannot be written.
    """
    if out is None:
        print_text(text)
        return
    try:
        with out.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except FileExistsError:
        raise CommandFailed(f"{out} exists already.\nName another file.") from None
    except OSError as error:
        raise CommandFailed(f"{out} cannot be written: {error.strerror}.") from None
