"""Which variables optiengine/settings.py reads from the environment."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def settings_variables() -> set[str]:
    """Names in calls of `env.str("NAME")` and its like; what ANYMAIL_ begins is anymail's."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse((ROOT / "optiengine/settings.py").read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == "env"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }
