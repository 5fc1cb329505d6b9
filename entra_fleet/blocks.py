"""Our block types, for whichever process of this environment asks Prefect for all that it knows.

That may be one that runs another project, whose package `flows` is not ours; it gets no block types of us, and keeps
its package.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

_OURS = Path(__file__).parent.parent / "flows" / "__init__.py"
_found = find_spec("flows")

if _found and _found.origin and Path(_found.origin) == _OURS:
    import_module("flows.configuration.blocks")
