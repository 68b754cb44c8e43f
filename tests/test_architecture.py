"""Who may import whom, checked on the source as it is written, lazy imports included."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PACKAGE = "hiwm"

BASE = "base"
"""The modules at the package root."""

MODELS = frozenset({BASE, "data", "worldmodel", "perception", "policies", "sims"})
STAGES = MODELS | {"session", "operators", "corrections", "posttrain", "evaluation", "server", "bridge"}
PLUG_INS = frozenset({"envs", "lerobot_robot"})
"""What other libraries find hiwm by: they may use whole stages, and only the command line imports them."""

MAY_IMPORT: dict[str, frozenset[str]] = {
    BASE: frozenset(),
    "data": frozenset({BASE}),
    "worldmodel": frozenset({BASE, "data", "perception"}),  # an estimator may read for a world
    "perception": frozenset({BASE, "data"}),
    "policies": frozenset({BASE, "data", "perception"}),
    "sims": frozenset({BASE}),
    "session": frozenset({BASE}),
    "operators": frozenset({BASE, "perception", "session"}),
    "corrections": frozenset({BASE, "data", "session"}),
    "posttrain": frozenset({BASE, "data", "policies"}),
    "evaluation": frozenset({BASE, "data"}),
    "server": frozenset({BASE, "session", "operators", "corrections"}),
    "bridge": frozenset({BASE, "server", "session"}),
    "envs": STAGES | {"pipeline"},
    "lerobot_robot": STAGES | {"pipeline", "envs"},
    "recipes": STAGES,
    "bench": STAGES | {"recipes", "pipeline"},
    "pipeline": STAGES | {"recipes", "bench"},
    "cli": STAGES | PLUG_INS | {"recipes", "bench", "pipeline"},
}
"""Folder -> the other folders that it may import."""

ONLY_THIRD_PARTY = {BASE: {"numpy"}}
"""Folder -> the only packages outside the standard library that it may import."""

NO_THIRD_PARTY = {"session": {"torch", "lerobot", "aiohttp", "fastapi", "starlette", "uvicorn", "websockets"}}
"""Folder -> packages that it may not import."""

DISTRIBUTIONS = {
    "PIL": "pillow",
    "datasets": "lerobot",
    "draccus": "lerobot",
    "gym_pusht": "lerobot",
    "huggingface_hub": "lerobot",
    "pymunk": "lerobot",
    "starlette": "fastapi",
    "tokenizers": "transformers",
}
"""Imported name -> the dependency that brings it, where they differ."""

OPTIONAL = {"rerun"}
"""Used where it is installed."""

CATCH_ALLS = {"utils", "util", "misc", "helpers", "common"}
MOST_LINES = 400


@dataclass(frozen=True)
class Module:
    """A source file: its dotted name, the folder it belongs to, and its text."""

    name: str
    folder: str
    text: str
    is_package: bool

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


def read_modules(source: Path) -> dict[str, Module]:
    """All modules of the package below `source`, by dotted name."""
    modules = {}
    for path in sorted((source / PACKAGE).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        folder = parts[1] if len(parts) > 2 else BASE
        modules[name] = Module(name, folder, path.read_text(), is_package)
    return modules


def imported_names(module: Module) -> Iterator[str]:
    """Dotted names that a module imports anywhere, as `package.module` or `package.module.attribute`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(module, node)
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    above = module.name.split(".")
    above = above[: len(above) - node.level + module.is_package]
    return ".".join([*above, node.module] if node.module else above)


def own_module(name: str, modules: dict[str, Module]) -> str | None:
    """The module of this package that a dotted name lies in, None for other packages."""
    parts = name.split(".")
    return next((p for n in range(len(parts), 0, -1) if (p := ".".join(parts[:n])) in modules), None)


def violations(source: Path) -> list[str]:
    """Everything below `source` that breaks a rule, one line each."""
    modules = read_modules(source)
    found = [line for module in modules.values() for line in (*_form(module), *_imports(module, modules))]
    return found + _cycles(modules)


def _form(module: Module) -> Iterator[str]:
    if CATCH_ALLS & set(module.name.split(".")):
        yield f"{module.name}: name a module after what it does"
    if ast.get_docstring(module.tree) is None:
        yield f"{module.name}: has no docstring"
    if len(module.text.splitlines()) > MOST_LINES:
        yield f"{module.name}: has more than {MOST_LINES} lines"
    if module.folder not in MAY_IMPORT:
        yield f"{module.name}: folder {module.folder} is not in the table"


def _imports(module: Module, modules: dict[str, Module]) -> Iterator[str]:
    allowed = MAY_IMPORT.get(module.folder, frozenset())
    for name in imported_names(module):
        own = own_module(name, modules)
        top = name.partition(".")[0]
        if own is not None:
            folder = modules[own].folder
            if folder != module.folder and folder not in allowed:
                yield f"{module.name}: {module.folder} may not import {folder} ({own})"
        elif top not in sys.stdlib_module_names:
            only = ONLY_THIRD_PARTY.get(module.folder)
            if top in NO_THIRD_PARTY.get(module.folder, ()) or (only is not None and top not in only):
                yield f"{module.name}: {module.folder} may not import {top}"


def _cycles(modules: dict[str, Module]) -> list[str]:
    graph = {
        name: {own for imported in imported_names(module) if (own := own_module(imported, modules)) not in (None, name)}
        for name, module in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"cycle: {' -> '.join(error.args[1])}"]
    return []


def undeclared(modules: dict[str, Module], dependencies: set[str]) -> set[str]:
    """Packages that are imported, but neither declared as a dependency, nor in the standard library, nor optional."""
    tops = {name.partition(".")[0] for module in modules.values() for name in imported_names(module)}
    return {DISTRIBUTIONS.get(top, top) for top in tops - sys.stdlib_module_names - OPTIONAL - {PACKAGE}} - dependencies


def declared() -> set[str]:
    """Names of the dependencies in pyproject.toml."""
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())["project"]
    return {re.split(r"[^\w-]", dependency)[0] for dependency in project["dependencies"]}


def write_tree(source: Path, **files: str) -> Path:
    """A small package below `source`; `data__windows="import x"` writes hiwm/data/windows.py with a docstring."""
    for name, text in files.items():
        path = source / PACKAGE / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""Doc."""\n{text}\n')
    (source / PACKAGE / "__init__.py").write_text('"""Doc."""\n')
    return source


def test_hiwm_keeps_its_directions() -> None:
    assert len(read_modules(SOURCE)) > 5
    assert violations(SOURCE) == []


def test_every_import_is_a_declared_dependency() -> None:
    assert undeclared(read_modules(SOURCE), declared()) == set()


def test_an_undeclared_import_is_found(tmp_path: Path) -> None:
    source = write_tree(tmp_path, data__a="import json\nimport PIL.Image\nimport polars", data__b="import rerun")
    assert undeclared(read_modules(source), {"pillow"}) == {"polars"}


def test_every_dependency_is_pinned_by_name_and_number_alone() -> None:
    lines = [line for line in (SOURCE.parent / "constraints.txt").read_text().splitlines() if line[0] != "#"]
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[\w.]+", line)] == []
    assert declared() <= {line.partition("==")[0] for line in lines}


def test_nothing_imports_the_command_line() -> None:
    assert not [folder for folder, allowed in MAY_IMPORT.items() if "cli" in allowed]


def test_a_good_tree_passes(tmp_path: Path) -> None:
    source = write_tree(
        tmp_path,
        types="import json\nimport numpy as np",
        data__windows="from hiwm.types import X\nimport torch",
        data__reader="from . import windows\nfrom .windows import Y",
        cli__app="def f():\n    from hiwm.data import windows",
    )
    assert violations(source) == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"types": "import torch"}, "hiwm.types: base may not import torch"),
        ({"types": "from hiwm.data.a import x", "data__a": ""}, "hiwm.types: base may not import data (hiwm.data.a)"),
        ({"data__a": "import hiwm.sims.b", "sims__b": ""}, "hiwm.data.a: data may not import sims (hiwm.sims.b)"),
        ({"data__a": "from ..sims import b", "sims__b": ""}, "hiwm.data.a: data may not import sims (hiwm.sims.b)"),
        (
            {"sims__a": "def f():\n    from hiwm.data import b", "data__b": ""},
            "hiwm.sims.a: sims may not import data (hiwm.data.b)",
        ),
        ({"bench__a": "from hiwm.cli.app import main", "cli__app": ""}, "bench may not import cli (hiwm.cli.app)"),
        ({"session__a": "import torch.nn"}, "hiwm.session.a: session may not import torch"),
        ({"data__a": "from hiwm.data import b", "data__b": "from hiwm.data.a import x"}, "cycle: "),
        ({"data__helpers": ""}, "hiwm.data.helpers: name a module"),
        ({"utils__a": ""}, "hiwm.utils.a: name a module"),
        ({"extras__a": ""}, "hiwm.extras.a: folder extras is not in the table"),
        ({"data__a": "x = 1\n" * MOST_LINES}, "hiwm.data.a: has more than 400 lines"),
    ],
)
def test_each_violation_is_found(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    assert [line for line in violations(write_tree(tmp_path, **files)) if complaint in line]


def test_a_missing_docstring_is_found(tmp_path: Path) -> None:
    source = write_tree(tmp_path, types="")
    (source / PACKAGE / "types.py").write_text("x = 1\n")
    assert violations(source) == ["hiwm.types: has no docstring"]
