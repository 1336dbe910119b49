"""Counts on the tests' page: the tests write them when they are asked for many tries."""

import re
from pathlib import Path

PAGE = Path(__file__).parent / "README.md"


def on_the_page(what, count):
    """Writes a row of the stress tests' table, | what | count |, in place of the old one."""
    text, row = PAGE.read_text(), f"| {what} | {count} |"
    changed, rows = re.subn(rf"^\| {re.escape(what)} \|.*\|$", row, text, flags=re.MULTILINE)
    assert rows == 1, f"{PAGE} has no row: {what}"
    PAGE.write_text(changed)
