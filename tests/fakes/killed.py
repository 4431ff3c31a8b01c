"""A program that is killed in the middle of what it does, as by a full memory or a power cut."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def killed(code, *arguments, lines, seconds):
    """Run Python code; kill -9 it so many seconds after it has printed so many lines. All that it printed, by line.

    A line that was not ended is left out.
    """
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        printed = [program.stdout.readline() for _ in range(lines)]
        assert printed[-1], program.stderr.read()
        time.sleep(seconds)
        program.kill()
        printed += program.stdout.readlines()
    assert program.returncode == -signal.SIGKILL
    return [line.strip() for line in printed if line.endswith("\n")]
