"""The emulation replaces private names of ministack: the pinned version must have them."""

import json
import re
import subprocess
import sys
from importlib.metadata import version

from emulation.settings import ROOT

# In a process of its own: the import of ministack configures logging and more.
_NAMES_THAT_ARE_MISSING = """
import ast, importlib, json, pathlib
from emulation import services

missing = []
for patches in services.PATCHES.values():
    for name in patches.names:
        path, _, attribute = name.partition("[")[0].rpartition(".")
        if not hasattr(importlib.import_module(path), attribute):
            missing.append(name)

# The names that are used without being replaced: every attribute of a module of ministack.
for file in pathlib.Path(services.__file__).parent.glob("*.py"):
    tree = ast.parse(file.read_text())
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("ministack")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
            path, _, name = imported[node.value.id].rpartition(".")
            if not hasattr(getattr(importlib.import_module(path), name), node.attr):
                missing.append(f"{imported[node.value.id]}.{node.attr}")
print(json.dumps(missing))
"""


def test_every_replaced_or_used_name_exists() -> None:
    output = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _NAMES_THAT_ARE_MISSING], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert json.loads(output.stdout) == []


def test_ministack_is_the_pinned_version() -> None:
    pinned = re.search(r"^ministack==(\S+)", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE)
    assert pinned
    assert version("ministack") == pinned[1]
