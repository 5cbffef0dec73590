"""What workflow code may not do, found in its syntax tree (`architecture.md`, Engine rules)."""

import ast
from dataclasses import dataclass

FORBIDDEN_IMPORTS = {
    "structlog": "it freezes the workflow task on a lock; use workflow.logger",
    "logging": "use workflow.logger",
    "sqlalchemy": "re-imported for each run, it costs half a second",
    "asyncpg": "workflows do no input or output",
    "httpx": "workflows do no input or output",
    "requests": "workflows do no input or output",
    "fastapi": "workflows do no input or output",
    "socket": "workflows do no input or output",
    "subprocess": "workflows do no input or output",
    "threading": "workflows run in one thread",
    "random": "use workflow.random()",
    "secrets": "use workflow.random()",
    "time": "use workflow.now()",
    "os": "workflows know no environment",
    "pathlib": "workflows read no files",
    "store": "workflows reach PostgreSQL by activities only",
    "api": "workflows know nothing of the door",
    "processes": "workflows know nothing of the processes",
    "policies": "a policy comes with the brief",
}
FORBIDDEN_CALLS = {
    "asyncio.wait": "its result is a set; use workflow.wait_condition or asyncio.gather",
    "asyncio.as_completed": "its order is not kept",
    "datetime.now": "use workflow.now()",
    "datetime.utcnow": "use workflow.now()",
    "datetime.today": "use workflow.now()",
    "date.today": "use workflow.now()",
    "uuid.uuid1": "use workflow.uuid4()",
    "uuid.uuid4": "use workflow.uuid4()",
    "open": "workflows read no files",
    "print": "use workflow.logger",
    "input": "workflows ask nobody",
    "eval": "no code from data",
    "exec": "no code from data",
    "hash": "it differs from process to process",
    "id": "it differs from process to process",
    "workflow.unsafe.imports_passed_through": "pass through is set where the worker is made",
}


@dataclass(frozen=True)
class Fault:
    """A line that breaks a rule, and what to do instead."""

    line: int
    what: str
    instead: str


def faults_in(source: str) -> list[Fault]:
    """The faults in one module, by line."""
    tree = ast.parse(source)
    found = [fault for node in ast.walk(tree) for fault in _faults_of(node)]
    found.extend(_module_state(tree))
    return sorted(found, key=lambda fault: fault.line)


def _faults_of(node: ast.AST) -> list[Fault]:
    match node:
        case ast.Import(names=names):
            return [fault for name in names for fault in _import(node.lineno, name.name)]
        case ast.ImportFrom(module=str(module)):
            return _import(node.lineno, module)
        case ast.Call(func=function):
            called = ast.unparse(function)
            instead = FORBIDDEN_CALLS.get(called)
            return [Fault(node.lineno, f"calls {called}", instead)] if instead else []
        case ast.For(iter=iterated) | ast.comprehension(iter=iterated):
            if _is_set(iterated):
                return [Fault(iterated.lineno, "iterates over a set", "use a list or a dict")]
        case ast.FunctionDef(decorator_list=decorators) if _is_signal(decorators):
            return [
                Fault(inner.lineno, "a signal handler raises", "remember, and let run() act")
                for inner in ast.walk(node)
                if isinstance(inner, ast.Raise)
            ]
        case ast.Global() | ast.Nonlocal():
            return [Fault(node.lineno, "changes outer state", "keep it in the memory")]
    return []


def _import(line: int, module: str) -> list[Fault]:
    instead = FORBIDDEN_IMPORTS.get(module.split(".", maxsplit=1)[0])
    return [Fault(line, f"imports {module}", instead)] if instead else []


def _is_set(node: ast.expr) -> bool:
    return isinstance(node, ast.Set | ast.SetComp) or (
        isinstance(node, ast.Call) and ast.unparse(node.func) in ("set", "frozenset")
    )


def _is_signal(decorators: list[ast.expr]) -> bool:
    return any("workflow.signal" in ast.unparse(decorator) for decorator in decorators)


def _module_state(tree: ast.Module) -> list[Fault]:
    """Names bound at module level to something that can change, unless written as a constant."""
    found = []
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        found.extend(
            Fault(node.lineno, f"module state {target.id}", "keep it in the memory")
            for target in targets
            if isinstance(target, ast.Name)
            and not target.id.strip("_").isupper()
            and isinstance(node.value, ast.List | ast.Dict | ast.Set)
        )
    return found
