"""Modules of the user, which register games. Only those that the user names are imported."""

import importlib
import sys
from pathlib import Path

from dqn_symbolic.guard.errors import raised

NAMED = []  # the imported ones: a process that plays the game elsewhere needs them, too
FROZEN = [Path(f"<frozen importlib._bootstrap{end}>") for end in ("", "_external")]
IMPORTERS = Path(__file__), Path(importlib.__file__), *FROZEN


def imported(text: str, folder: str = "") -> str:
    """Imports a module by its name or its file, "my_game" or "my_game.py". -> its name

    folder: where it may be, the current one if "". Raises ValueError if there is no such module,
    GameError if its import fails.
    """
    path = Path(folder, text)
    module = path.stem if text.endswith(".py") or "/" in text else text
    here = str(path.parent.resolve())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        file = getattr(importlib.import_module(module), "__file__", None)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise ValueError(f"{text}: no such module is installed, or in {here}") from error
        raise raised(f"{text}: its import", error, IMPORTERS) from error
    if path.suffix == ".py" and (not file or Path(file).resolve() != path.resolve()):
        raise ValueError(f"{text}: Python has another module {module}, {file}: rename yours")
    NAMED.append((module, here))
    return module
