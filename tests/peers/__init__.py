"""Other interpreters, with packages that must not live beside ours, told what to do by JSON lines."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests import machine


class PeerError(RuntimeError):
    """The peer raised; `kind` is the name of its exception."""

    def __init__(self, kind: str, trace: str) -> None:
        super().__init__(trace)
        self.kind = kind


class Peer:
    """A running interpreter. `do` calls a function of its program, which ends in `answering.serve`."""

    def __init__(self, python: Path, program: Path, home: Path, *arguments: str, **environ: str) -> None:
        env = machine.environ() | {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parent), "PYTHONHASHSEED": "0"}
        self._log = home / f"{program.stem}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [python, "-u", program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=env | environ,
            )

    def do(self, call: str, folder: Path, **arguments):
        """Call a function of the program with `folder` as the working folder.

        Raises:
            PeerError: it raised.
        """
        line = json.dumps({"do": call, "folder": str(folder), **arguments})
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise PeerError("Died", self._log.read_text()[-4000:])
        said = json.loads(answer)
        if "error" in said:
            raise PeerError(said["error"], said["trace"])
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
