"""Every error code and every advice that the code can give, read from its source."""

import ast
import re
from functools import cache

from tests.docs.pages import ROOT

ADVICE = re.compile(r"_?(\w+_)?(hint|advice|remedy|hints|remedies|forms)", re.IGNORECASE)
# What takes an advice as its last argument.
ADVISING = {"refusal", "invalid", "Problem", "SourceError"}
SHORTEST = 12


@cache
def trees():
    """The source by its file: parsed when asked for, as each worker of the tests imports this."""
    files = [path for package in ("flows", "graph_client") for path in sorted((ROOT / package).rglob("*.py"))]
    return {path: ast.parse(path.read_text()) for path in files if path.name != "starter.py"}


def name_of(call):
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


@cache
def all_nodes():
    return [node for tree in trees().values() for node in ast.walk(tree)]


def nodes(kind):
    return [node for node in all_nodes() if isinstance(node, kind)]


def with_code():
    """The classes and functions that take a code before all else."""
    for node in nodes(ast.ClassDef):
        fields = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
        makers = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
        first = [maker.args.args[1].arg for maker in makers if len(maker.args.args) > 1]
        first += [fields[0].id] if fields and isinstance(fields[0], ast.Name) else []
        if first[:1] == ["code"]:
            yield node.name
    yield from (each.name for each in nodes(ast.FunctionDef) if [arg.arg for arg in each.args.args[:1]] == ["code"])


def codes():
    """The codes that are written down in the code; those of Graph come as they are."""
    makers = {*with_code(), "cls"}
    for call in nodes(ast.Call):
        if name_of(call) in makers and call.args:
            parts = call.args[0].values if isinstance(call.args[0], ast.BoolOp) else call.args[:1]
            yield from (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def texts(node):
    """The parts of a text that are written down, each alternative by itself."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from (each for value in node.values for each in texts(value))
    elif isinstance(node, ast.IfExp):
        yield from [*texts(node.body), *texts(node.orelse)]
    elif isinstance(node, ast.BoolOp):
        yield from (each for value in node.values for each in texts(value))
    elif isinstance(node, ast.BinOp):
        yield from [*texts(node.left), *texts(node.right)]
    elif isinstance(node, ast.Tuple | ast.List):
        yield from texts(node.elts[-1]) if node.elts else ()
    elif isinstance(node, ast.Dict):
        yield from (each for value in node.values for each in texts(value))


def advising():
    """Every expression that gives an advice."""
    makers = {*with_code(), "cls"}
    for node in nodes(ast.Call):
        yield from (keyword.value for keyword in node.keywords if ADVICE.fullmatch(keyword.arg or ""))
        if name_of(node) in ADVISING and node.args:
            yield node.args[-1]
        if name_of(node) in makers:
            yield from node.args[2:3]
    for node in nodes(ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value and any(isinstance(each, ast.Name) and ADVICE.fullmatch(each.id) for each in targets):
            yield node.value


def last_lines():
    """The last lines of errors that are one text of several lines."""
    for call in nodes(ast.Call):
        error = re.fullmatch(r"\w*(Error|Failed|Usage|Incomplete|Block|Tenant|Refused|Key)", name_of(call))
        parts = list(texts(call.args[0])) if error and call.args else []
        lines = "\0".join(parts).split("\n")
        if len(lines) > 1:
            yield from lines[-1].split("\0")


def in_hints():
    """What graph_client says of Graph's answers."""
    tree = trees()[ROOT / "graph_client" / "hints.py"]
    for node in ast.walk(tree):
        if isinstance(node, ast.Return | ast.AugAssign) and node.value:
            yield from texts(node.value)


def advices():
    """Every part of an advice that is long enough to be found again, as one line."""
    found = {each for node in advising() for each in texts(node)} | set(last_lines()) | set(in_hints())
    lines = {" ".join(line.split()) for text in found for line in text.splitlines()}
    return {line for line in lines if len(line) >= SHORTEST}
