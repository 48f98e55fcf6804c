"""MkDocs hook: adds the README and other pages of the repository's root to the documentation site.

The pages are read from the root, so that no text exists twice; links between them are rewritten.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
PAGES = {  # file in the root -> page of the site
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
}
OUTSIDE = r"(?:benchmarks|examples|tools|src|tests)/[^)]*|LICENSE|NOTICE|CITATION\.cff"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Append the pages; links to files that are not on the site become plain text."""
    for name, page in PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=site_text(text)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Rewrite the links of pages in docs/ that lead to the root."""
    return site_text(markdown.replace("](../", "]("))


def site_text(text: str) -> str:
    """The text with its links as they are on the site."""
    for name, page in PAGES.items():
        text = text.replace(f"]({name}", f"]({page}")
    text = text.replace("](docs/", "](")
    return re.sub(rf"\[([^\]]*)\]\((?:{OUTSIDE})\)", r"\1", text)
