"""Text for a shell: quoted values, comments that stay comments."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def script(about: Iterable[str], commands: Iterable[str]) -> str:
    """A whole script: what it is about, then its commands, each of which must succeed."""
    head = "".join(f"{comment(line)}\n" for line in about)
    return f"#!/usr/bin/env bash\n{head}set -euo pipefail\n\n" + "".join(f"{command}\n" for command in commands)


def comment(text: str) -> str:
    """A line of a comment, whatever is in the text."""
    return f"# {''.join(c if c.isprintable() else repr(c)[1:-1] for c in text)}".rstrip()


def document(content: Any) -> str:
    """JSON as one word, laid out for reading."""
    return shlex.quote(json.dumps(content, indent=2, ensure_ascii=False))
