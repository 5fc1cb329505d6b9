"""Places of the parts of a mappings file, for errors that only the tenant reveals."""

from flows.documents.errors import Place
from flows.documents.nodes import Entry, Fields, Items, below


class Places:
    """The places of a file's values; not part of its content."""

    def __init__(self, entry: Entry | None = None) -> None:
        self._entry = entry

    def __eq__(self, other: object) -> bool:
        # Files with the same content are equal wherever they are.
        return isinstance(other, Places)

    __hash__ = None  # type: ignore[assignment]  # equal ones would have to share it

    def of(self, *location: int | str) -> Place:
        """Return the place of a value, or of the nearest enclosing one if it is missing."""
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
