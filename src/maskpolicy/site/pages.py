"""Writing the pages of a site, and the parts of data beside them."""

import json
import shutil
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic_core import to_jsonable_python

from maskpolicy.errors import counted
from maskpolicy.reporting import text

TEMPLATES = Path(__file__).parent / "templates"

ASSETS = ("site.css", "site.js", "masks.js", "predictions.js", "runs.js")
"""Style and scripts of the pages."""


def environment() -> Environment:
    """What the pages are rendered with: all that is not marked as safe is escaped."""
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "counted": counted,
        "difference": text.difference_text,
        "interval": text.interval_text,
        "p": text.p_text,
        "percent": text.percent_text,
    }
    templates.policies["json.dumps_kwargs"] = {"sort_keys": False}  # arms stay in their order
    return templates


def copy_assets(site: Path) -> None:
    """Put style and scripts beside the pages."""
    (site / "assets").mkdir(parents=True, exist_ok=True)
    for name in ASSETS:
        shutil.copyfile(TEMPLATES / name, site / "assets" / name)


def settings_text(record: Any) -> str:
    """A record of the configuration, or several, as the JSON that a page shows of it."""
    return json.dumps(to_jsonable_python(record), indent=2, ensure_ascii=False)


def write_part(site: Path, name: str, value: Any) -> None:
    """Write data that a page loads by its name: a script, for a page from disk can fetch nothing.

    Nothing in it can end a script or a line of one, wherever it is put.
    """
    path = site / "data" / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    data = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    key = json.dumps(name, ensure_ascii=True).replace("<", "\\u003c")
    path.write_text(f"site.receive({key},{data});\n", encoding="utf-8")
