"""Hooks of mkdocs: files at the root of the repository are pages too, and links that leave docs/ lead to copies in the site."""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "BENCHMARK.md": "benchmark.md",
}
LINK = re.compile(r"```.*?```|\]\((?!https?:|#)([^)#\s]+)", re.DOTALL)


def place_of(path: str) -> str:
    """Where a file or folder of the repository stands in the site's sources."""
    if path in PAGES:
        return PAGES[path]
    place = path.removeprefix("docs/") if path.startswith("docs/") else f"source/{path}"
    return f"{place}/index.md" if (ROOT / path).is_dir() else place


def linked(text: str, origin: str, change: Callable[[str], str]) -> str:
    """`text` of the repository's file `origin`, the target of each link replaced by `change` of its path in the repository."""

    def changed(match: re.Match) -> str:
        return match[0] if match[1] is None else f"]({change(normpath(str(PurePosixPath(origin).parent / match[1])))}"

    return LINK.sub(changed, text)


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages of the root, and what pages link to outside docs/: a file as it is, a folder as a list of its files."""
    for origin, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / origin).read_text()))
    found: set[str] = set()
    for origin in [
        *PAGES,
        *(f"docs/{file.src_uri}" for file in files.documentation_pages() if file.src_uri not in PAGES.values()),
    ]:
        linked((ROOT / origin).read_text(), origin, lambda path: found.add(path) or path)
    for path in sorted(found):
        whole, place = ROOT / path, place_of(path)
        if whole.is_dir():
            listed = sorted(one for one in whole.rglob("*") if one.suffix in (".py", ".csv", ".json", ".png", ".ipynb"))
            for one in listed if not path.startswith("docs/") else ():
                name = f"source/{one.relative_to(ROOT)}"
                files.append(File.generated(config, name, abs_src_path=str(one)))
            lines = [f"- [{one.relative_to(whole)}]({one.relative_to(whole)})" for one in listed]
            files.append(File.generated(config, place, content="\n".join([f"# {path}", "", *lines, ""])))
        elif whole.is_file() and files.get_file_from_path(place) is None:
            files.append(File.generated(config, place, abs_src_path=str(whole)))
    return files


def on_page_markdown(text: str, page: Any, config: Any, files: Any) -> str:
    """The page with its links as they are in the site."""
    uri = page.file.src_uri
    origin = next((one for one, name in PAGES.items() if name == uri), f"docs/{uri}")
    if not (ROOT / origin).is_file():
        return text  # a list of files, made above
    text = re.sub(r"^  (?=- |\|)", "    ", text, flags=re.MULTILINE)  # GitHub takes two spaces below a list's entry, mkdocs four
    return linked(text, origin, lambda path: relpath(place_of(path), str(PurePosixPath(uri).parent)))
