"""What tests ask of the problems in a fleet file: where each is, and what its text names; not the words around it."""


def shows(error, *problems):
    """Check that an error has these problems, in this order, and that each is two lines that begin with its place.

    Args:
        error: A `FleetFileError`.
        problems: For each, `file:line:column: path` as a person reads it, then values, fields and numbers of its text.
    """
    assert [str(each.place) for each in error.problems] == [place for place, *_ in problems]
    for problem, (place, *named) in zip(error.problems, problems, strict=True):
        text = str(problem)
        start = f"{place}: " if place else ""
        assert text.startswith(start)
        assert text.count("\n") == 1
        assert [each for each in named if each not in text.removeprefix(start)] == []
