"""What can go wrong with the store.

StoreError                  the store cannot be opened, read or written
└── StoreVersionError       its tables are of another version than this program
"""


class StoreError(Exception):
    """The store cannot be used; the text says what, where and what to do, in one to three lines."""


class StoreVersionError(StoreError):
    """The tables of the store are of another version than this program.

    Args:
        store: the store, as it may be shown (no password).
        found: version of the tables.
        needed: version this program works with.
    """

    def __init__(self, store: str, found: str, needed: str) -> None:
        self.found = found
        self.needed = needed
        older = found.isdecimal() and int(found) < int(needed)
        remedy = (
            "Run `entra-fleet store upgrade` (stop other runs first)."
            if older
            else "It was written by a newer release: upgrade entra-fleet."
        )
        super().__init__(f"{store}: the store has version {found}, this program needs {needed}.\n{remedy}")
