"""Where the parts of a mappings file stand, for what only the tenant can tell to be wrong."""

from flows.documents.errors import Place
from flows.documents.nodes import Entry, Fields, Items, below


class Places:
    """The places of a file's values; no part of what the file says."""

    def __init__(self, entry: Entry | None = None) -> None:
        self._entry = entry

    def __eq__(self, other: object) -> bool:
        # Two files that say the same are the same wherever they lie.
        return isinstance(other, Places)

    __hash__ = None  # type: ignore[assignment]  # equal ones would have to share it

    def of(self, *location: int | str) -> Place:
        """Return the place of a value, or of the nearest around one that is not there."""
        entry = self._entry or Entry(Place(path="mappings"), Fields())
        place, node = entry
        for depth, step in enumerate(location):
            inner = node.entries if isinstance(node, Fields | Items) else {}
            try:
                place, node = inner[step]  # type: ignore[index]  # a step fits its container, or there is none
            except (KeyError, IndexError, TypeError):
                for missing in location[depth:]:
                    place = place._replace(path=below(place, missing))
                break
        return place
