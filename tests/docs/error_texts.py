"""The texts of errors, read from the source: what a raise or a call that makes an error can say."""

import ast
import itertools
import re
from functools import cache
from types import SimpleNamespace

from flows import base_error
from tests.docs.pages import ROOT

UNKNOWN = "…"
_ALTERNATIVES_MAX = 6
_DEPTH_MAX = 8
# The names of parameters that carry the parts of an error, in classes and functions of ours.
_TEXT, _HINT = ("message", "what", "text"), ("hint", "advice", "remedy")
# A remark on an application that adopt leaves out, and what the store keeps of an error.
_NOT_SHOWN = {"NotAdoptable", "ChangeError"}
_WORD = re.compile(r"[^\W\d]{3}")
_CAUSE = re.compile(r"\s*# (Cause: )?(.*)")
_EXIT_CODES = {"UnknownKey": base_error.USAGE, "BadUsage": base_error.USAGE, "FleetBusy": base_error.BUSY}


class Module:
    """A source file, and what its expressions can be as texts."""

    def __init__(self, path, everything):
        self.path = path
        self.source = path.read_text()
        self.lines = self.source.splitlines()
        self.tree = ast.parse(self.source)
        self.everything = everything
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.functions = {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)}
        self.constants = {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    # What makes an error.

    def calls(self):
        """Every call that makes an error with a text of its own."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and self.name_of(node) in makers() and self.name_of(node) not in _NOT_SHOWN:
                yield node

    def name_of(self, call):
        """The name of what is called; `super().__init__` and `cls` are the class around them."""
        if isinstance(call.func, ast.Attribute):
            inner = call.func
            if inner.attr == "__init__" and isinstance(inner.value, ast.Call):
                kind = self._around(call, ast.ClassDef)
                return kind.bases[0].id if kind and kind.bases and isinstance(kind.bases[0], ast.Name) else ""
            return inner.attr
        return call.func.id if isinstance(call.func, ast.Name) else ""

    def texts_of(self, call):
        """The code, text and hint of an error, in all ways that the call can give them."""
        maker = makers()[self.name_of(call)]
        given = self._given(call, maker)
        codes = self.render(given[maker.code], call) if maker.code in given else [maker.fixed_code]
        texts = self.render(given[maker.text], call) if maker.text in given else [""]
        hints = self.render(given[maker.hint], call) if maker.hint in given else [""]
        hint, text = alternatives(hints), alternatives(texts)
        known = [code for code in codes if UNKNOWN not in code]
        # A result with a text and no hint is no error; `super().__init__` passes on what the class is given.
        error = self.name_of(call) in errors()
        if hint or (error and text) or (error and any(known) and not isinstance(call.func, ast.Attribute)):
            yield from ((code, text, hint) for code in known or [""])

    def loose(self):
        """Texts and hints that a function returns, or keeps for another one that makes the error."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and self._returns_a_pair(node):
                text, hint = (alternatives(self.render(each, node)) for each in node.value.elts)
                yield node, text, hint
            if isinstance(node, ast.Assign) and _targets(node) & set(_HINT):
                yield node, "", alternatives(self.render(node.value, node))

    def _returns_a_pair(self, node):
        function = self._around(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        return function and function.returns and ast.unparse(function.returns) == "tuple[str, str]"

    def _given(self, call, maker):
        given = {}
        names = iter(maker.parameters)
        for argument in call.args:
            if isinstance(argument, ast.Starred):
                for pair in self._returned_tuples(argument.value):
                    given |= dict(zip(names, pair, strict=False))
                    break
                continue
            if name := next(names, None):
                given[name] = argument
        return given | {keyword.arg: keyword.value for keyword in call.keywords}

    def _returned_tuples(self, call):
        name = self.name_of(call) if isinstance(call, ast.Call) else ""
        for module in self.everything.values():
            if name in module.functions:
                for node in ast.walk(module.functions[name]):
                    if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                        yield node.value.elts

    # What an expression can be.

    def render(self, node, at, depth=0, bound=None):  # noqa: C901, PLR0911  # a case for each kind of expression
        """The texts that an expression can be, with `…` for what is not written down."""
        bound = bound or {}
        if depth > _DEPTH_MAX:
            return [UNKNOWN]

        def inner(each):
            return self.render(each, at, depth + 1, bound)

        match node:
            case ast.Constant(value=str() as text):
                return [text]
            case ast.Constant(value=None):
                return [""]
            case ast.JoinedStr(values=values):
                return _joined([inner(each) for each in values])
            case ast.FormattedValue(value=value):
                return inner(value) if _is_text(value) else [UNKNOWN]
            case ast.IfExp(body=body, orelse=orelse):
                return [*inner(body), *inner(orelse)]
            case ast.BoolOp(values=values):
                return [text for each in values for text in inner(each)]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return _joined([inner(left), inner(right)])
            case ast.Subscript(value=ast.Name(id=name)) if isinstance(self.constants.get(name), ast.Dict):
                return [text for each in self.constants[name].values for text in inner(each)]
            case ast.Name(id=name):
                return bound.get(name) or self._named(name, at, depth, bound)
            case ast.Call(func=ast.Name(id=name), args=args) if name in self.functions:
                return self._returned(self.functions[name], [inner(each) for each in args], depth)
            case ast.Call(func=ast.Name(id="next"), args=[ast.GeneratorExp(generators=[each]), *_]):
                named = each.iter.func.value if isinstance(each.iter, ast.Call) else None
                found = self.constants.get(getattr(named, "id", ""))
                values = found.values if isinstance(found, ast.Dict) else []
                return [text for value in values for text in inner(value)] or [UNKNOWN]
        return [UNKNOWN]

    def _named(self, name, at, depth, bound):
        around = self._around(at, (ast.FunctionDef, ast.AsyncFunctionDef))
        for scope in filter(None, (around,)):
            assigned = [
                each
                for each in ast.walk(scope)
                if isinstance(each, ast.Assign | ast.AnnAssign | ast.AugAssign)
                and each.value
                and name in _targets(each)
            ]
            if assigned:
                values = [each.value for each in self._in_force(assigned, at)]
                return [text for value in values for text in self.render(value, at, depth + 1, bound)]
        if name in self.constants:
            return self.render(self.constants[name], at, depth + 1, bound)
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and any(each.name == name for each in node.names):
                found = self.everything.get(ROOT.joinpath(*node.module.split(".")).with_suffix(".py"))
                return found.render(ast.Name(name), found.tree, depth + 1) if found else [UNKNOWN]
        return [UNKNOWN]

    def _in_force(self, assigned, at):
        """The assignments of a name that a place can see: those since the last one that it cannot have missed."""
        before = sorted((each for each in assigned if each.lineno <= at.lineno), key=lambda each: each.lineno)
        around = set()
        node = at
        while node in self.parents:
            node = self.parents[node]
            around.add(node)
        certain = [number for number, each in enumerate(before) if self.parents[each] in around]
        return before[certain[-1] :] if certain else before or assigned

    def _returned(self, function, arguments, depth):
        bound = dict(zip((each.arg for each in function.args.args), arguments, strict=False))
        returns = [each.value for each in ast.walk(function) if isinstance(each, ast.Return) and each.value]
        return [text for value in returns for text in self.render(value, value, depth + 1, bound)] or [UNKNOWN]

    # What stands around it.

    def _around(self, node, kind):
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, kind):
                return node
        return None

    def cause_of(self, node):
        """The comment above the statement that begins with `Cause:`."""
        statement = node
        while statement in self.parents and not isinstance(statement, ast.stmt):
            statement = self.parents[statement]
        for line in (node.lineno, statement.lineno):
            above = list(
                itertools.takewhile(lambda text: text.strip().startswith("#"), reversed(self.lines[: line - 1]))
            )
            text = " ".join(_CAUSE.fullmatch(each)[2] for each in reversed(above))
            if above and any("# Cause: " in each for each in above):
                return text
        return ""

    def exit_code_of(self, name, code):
        """The exit code of a command that ends with it."""
        return _EXIT_CODES.get(code, _EXIT_CODES.get(name, base_error.FAILED))


def alternatives(texts):
    """The texts that say something, without those that are the beginning of a longer one."""
    said = [each for each in dict.fromkeys(texts) if _WORD.search(each)]

    def is_beginning(text):
        start = text.rstrip(f"{UNKNOWN}.")
        return any(len(other) > len(text) and other.startswith(start) for other in said)

    return " / ".join(each for each in said if not is_beginning(each))


def _is_text(node):
    return isinstance(node, ast.Name | ast.IfExp | ast.BoolOp | ast.Constant | ast.JoinedStr | ast.Call | ast.Subscript)


def _targets(node):
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}


def _joined(parts):
    made = ["".join(each) for each in itertools.islice(itertools.product(*parts), _ALTERNATIVES_MAX)]
    return [re.sub(f"{UNKNOWN}( ?{UNKNOWN})+", UNKNOWN, each) for each in made]


@cache
def read_modules():
    """Every source file of what commands run, by path."""
    everything = {}
    for package in ("flows", "graph_client"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name != "starter.py":
                everything[path] = Module(path, everything)
    return everything


@cache
def makers():
    """The classes and functions that are given the text of an error, by name."""
    found = {}
    for module in read_modules().values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                made = _maker_of_class(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("__"):
                made = _maker(node.args)
            else:
                continue
            if made:
                found[node.name] = made
    # A class without a way of its own is made as its base is.
    bases = _bases()
    for name in bases:
        base = name
        while base in bases and base not in found:
            base = bases[base]
        if base in found:
            found.setdefault(name, found[base])
    return found


def _maker(arguments):
    names = [each.arg for each in (*arguments.args, *arguments.kwonlyargs) if each.arg not in {"self", "cls"}]
    text = next((each for each in names if each in _TEXT), None)
    hint = next((each for each in _HINT if each in names), None)
    code = "code" if "code" in names else None
    if text is None or hint is None:
        return None
    return SimpleNamespace(parameters=names, text=text, hint=hint, code=code, fixed_code="")


def _maker_of_class(node):
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return _maker(each.args)
    fields = [
        each.target.id for each in node.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    ]
    return _maker(ast.arguments([], [ast.arg(each) for each in fields], None, [], [], None, []))


@cache
def errors():
    """The names of the exception classes."""
    bases, found = _bases(), {"Exception"}
    while more := {name for name, base in bases.items() if base in found} - found:
        found |= more
    return found


def _bases():
    return {
        node.name: node.bases[0].id
        for module in read_modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and node.bases and isinstance(node.bases[0], ast.Name)
    }
