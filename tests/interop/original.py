"""The real deeplake 3.9.52 in a process of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests import environments, machine

_PEER = Path(__file__).with_name("peer.py")


class OriginalError(RuntimeError):
    """The original raised; `kind` is the name of its exception."""

    def __init__(self, kind: str, trace: str) -> None:
        super().__init__(trace)
        self.kind = kind


class Original:
    """A running interpreter of the original. `do` calls a function of `peer.py`, or of another program like it."""

    def __init__(self, home: Path, peer: Path = _PEER, extra: tuple[str, ...] = (), **environ: str) -> None:
        python = environments.environment((*environments.ORIGINAL, *extra)) / "python"
        env = machine.environ() | {"HOME": str(home), "BUGGER_OFF": "true", "PYTHONHASHSEED": "0"} | environ
        self._log = home / "original.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [python, "-u", peer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=env
            )

    def do(self, call: str, folder: Path, **arguments):
        """Call a function of `peer.py` with `folder` as the working folder.

        Raises:
            OriginalError: it raised.
        """
        line = json.dumps({"do": call, "folder": str(folder), **arguments})
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise OriginalError("Died", self._log.read_text()[-4000:])
        said = json.loads(answer)
        if "error" in said:
            raise OriginalError(said["error"], said["trace"])
        return said["gives"]

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)
