"""How a page made by this package is cited: the fields of CITATION.cff, which is not in an installed package."""

from collections.abc import Mapping
from typing import Any

TITLE, AUTHORS, VERSION, RELEASED, LICENCE = "guidance-bench", "The guidance-bench authors", "0.1.0", "2026-11-20", "MIT"
BIBTEX = """\
@software{{guidance_bench,
  title   = {{{title}}},
  author  = {{{{{authors}}}}},
  version = {{{version}}},
  year    = {{{year}}},
  license = {{{licence}}},
  note    = {{{note}}}
}}"""


def bibtex(study: str, provenance: Mapping[str, Any]) -> str:
    """An entry for this study: of the version and the commit that made it, as far as `provenance` says."""
    packages = provenance.get("packages")
    version = (packages.get(TITLE) if isinstance(packages, Mapping) else None) or VERSION
    revision = provenance.get("revision")
    note = f"Study {study}" + (f", commit {revision}" if revision else "")
    return BIBTEX.format(title=TITLE, authors=AUTHORS, version=version, year=RELEASED[:4], licence=LICENCE, note=note)
