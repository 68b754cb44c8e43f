"""The README's file tree names every source file, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hiwm.cli.app import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_every_source_file_stands_in_the_tree_with_a_line() -> None:
    tree = README.split("## Files")[1]
    folder, missing = "", []
    listed = set()
    for line in tree.splitlines():
        if match := re.match(r"^ {2}(\w+)/ +\S", line):
            folder = match[1] + "/"
            listed.add(folder + "__init__.py")
        elif match := re.match(r"^ {4}([\w.]+) +\S", line):
            listed.add(folder + match[1])
        elif match := re.match(r"^ {2}([\w.]+) +\S", line):
            listed.add(match[1])
    source = ROOT / "src" / "hiwm"
    files = {str(path.relative_to(source)) for path in source.rglob("*.py")}
    missing = sorted(files - listed)
    assert not missing, f"describe in README.md: {missing}"
    gone = sorted(name for name in listed - files if name.endswith(".py"))
    assert not gone, f"README.md names files that are gone: {gone}"


def test_every_command_of_the_readme_has_a_help(capsys: pytest.CaptureFixture[str]) -> None:
    commands = set(re.findall(r"^hiwm ((?:data |bench )?[a-z-]+)", README, re.MULTILINE))
    assert {"collect", "data check"} <= commands
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            main([*command.split(), "--help"])
        assert ended.value.code == 0
        assert command.split()[-1] in capsys.readouterr().out
