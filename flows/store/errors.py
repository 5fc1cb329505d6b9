"""The errors of the store.

StoreError                  the store cannot be opened, read or written
└── StoreVersionError       its tables are of another version than this program
"""

from flows.base_error import EntraFleetError

FIRST_VERSION = 100
"""The first released version; lower numbers were used during development."""


class StoreError(EntraFleetError):
    """The store cannot be used."""


class StoreVersionError(StoreError):
    """The tables of the store have another version than this program.

    Args:
        store: the store's address, without its password.
        found: version of the tables.
        needed: version this program works with.
    """

    def __init__(self, store: str, found: str, needed: str) -> None:
        self.found = found
        self.needed = needed
        if not found.isdecimal() or int(found) > int(needed):
            hint = "It was written by a newer release: upgrade entra-fleet."
        elif int(found) < FIRST_VERSION:
            hint = (
                "It was created before the first release, and cannot be upgraded: move it away or name an empty one.\n"
                "The next apply, monitor and harvest fill a new store with what the tenant still has."
            )
        else:
            hint = "Run `entra-fleet store upgrade` (stop other runs first)."
        super().__init__(f"{store}: the store has version {found}, this program needs {needed}.", hint)
