#!/usr/bin/env python3
"""Brings the sha256 lines of data/SOURCES.toml up to date, or with --check only compares.

Usage: hash_sources.py [--check]
Fails if a file listed is missing or a file under data/ is not listed.
"""

import hashlib
import re
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"
LIST = DATA / "SOURCES.toml"
ENTRY = re.compile(r'path = "([^"]+)"\n((?:(?!sha256|\[\[).*\n)*)sha256 = "([^"]*)"')


def main(check):
    text = LIST.read_text(encoding="utf-8")
    listed = []

    def refresh(match):
        path = DATA / match[1]
        if not path.is_file():
            sys.exit(f"{LIST}: {match[1]} does not exist")
        listed.append(match[1])
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return f'path = "{match[1]}"\n{match[2]}sha256 = "{digest}"'

    fresh = ENTRY.sub(refresh, text)
    if len(listed) != text.count("[[file]]") or len(listed) != len(set(listed)):
        sys.exit(f"{LIST}: an entry is malformed or appears twice")
    found = {str(path.relative_to(DATA)) for path in DATA.rglob("*") if path.is_file()}
    unlisted = sorted(found - set(listed) - {"SOURCES.toml"})
    if unlisted:
        sys.exit(f"{LIST}: not listed: {', '.join(unlisted)}")
    if check and fresh != text:
        sys.exit(f"{LIST}: a hash is out of date")
    if not check:
        LIST.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    main(bool(sys.argv[1:]))
