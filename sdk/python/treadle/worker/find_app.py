"""Finds an application by words: MODULE:APP, or where it was made."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from typing import Any, Mapping, NamedTuple, Optional

from ..app import Treadle
from ..errors import InvalidArgumentError


class AppPlace(NamedTuple):
    """Where another process finds the same application."""

    module: str = ""
    path: str = ""  # of a script that was run as a program; "": the module is imported
    name: str = ""  # in the module; "": the only application there


def find_app(words: str) -> Treadle:
    """MODULE:APP, or MODULE if it holds one application. Raises InvalidArgumentError."""
    module, _, name = words.partition(":")
    return load_app(AppPlace(module=module, name=name))


def load_app(place: AppPlace) -> Treadle:
    """Imports it. Raises InvalidArgumentError if there is none; errors of the module pass
    through."""
    if place.path:
        return _named(runpy.run_path(place.path, run_name="__mp_main__"), place)
    if not place.module:
        raise InvalidArgumentError("name the application as MODULE:APP", field="app")
    try:
        module = importlib.import_module(place.module)
    except ModuleNotFoundError as error:
        if error.name is None or not (place.module + ".").startswith(error.name + "."):
            raise
        raise InvalidArgumentError(
            f"there is no module {place.module}; run it from the directory that has it, or set "
            "PYTHONPATH",
            field="app",
        ) from None
    return _named(vars(module), place)


def place_of(app: Treadle) -> AppPlace:
    """Of an application in this process."""
    module = sys.modules.get(app.module)
    if module is None:
        raise InvalidArgumentError(
            "child processes need an application in a module", field="processes"
        )
    names = [name for name, value in vars(module).items() if value is app]
    if not names:
        raise InvalidArgumentError(
            f"child processes find no application in {app.module}; keep it in a name of the module",
            field="processes",
        )
    if app.module != "__main__":
        return AppPlace(module=app.module, name=names[0])
    spec = getattr(module, "__spec__", None)
    if spec is not None:
        return AppPlace(module=spec.name, name=names[0])
    path = getattr(module, "__file__", None)
    if path is None:
        raise InvalidArgumentError(
            "child processes need an application in a file", field="processes"
        )
    return AppPlace(path=os.path.abspath(path), name=names[0])


def _named(names: Mapping[str, Any], place: AppPlace) -> Treadle:
    where = place.module or place.path
    if place.name:
        app: Optional[Any] = names.get(place.name)
        if not isinstance(app, Treadle):
            raise InvalidArgumentError(f"{where} has no application {place.name}", field="app")
        return app
    found = {id(each): each for each in names.values() if isinstance(each, Treadle)}
    if len(found) != 1:
        raise InvalidArgumentError(
            f"{where} has {len(found)} applications; name one as {where}:APP", field="app"
        )
    return next(iter(found.values()))
