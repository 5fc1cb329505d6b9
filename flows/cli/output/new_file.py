"""Writing text to a new file, or to standard output."""

from pathlib import Path

from flows.cli.errors import CommandFailed
from flows.cli.output.console import print_text


def refuse_existing(out: Path | None) -> None:
    """Refuse a file that already exists.

    Raises:
        CommandFailed: The file exists.
    """
    if out and out.exists():
        raise CommandFailed(f"{out} already exists.\nName another file.")


def write_new(text: str, out: Path | None) -> None:
    """Write text to a new file, or to standard output if `out` is None.

    Raises:
        CommandFailed: The file already exists or cannot be written.
    """
    if out is None:
        print_text(text)
        return
    try:
        with out.open("x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except FileExistsError:
        raise CommandFailed(f"{out} already exists.\nName another file.") from None
    except OSError as error:
        raise CommandFailed(f"Cannot write {out}: {error.strerror}.") from None
