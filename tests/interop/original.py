"""The real deeplake 3.9.52 in a process of its own."""

from __future__ import annotations

from pathlib import Path

from tests import environments
from tests.peers import Peer, PeerError

_PEER = Path(__file__).with_name("peer.py")
OriginalError = PeerError


class Original(Peer):
    """A running interpreter of the original, with `peer.py` or another program like it."""

    def __init__(self, home: Path, program: Path = _PEER, extra: tuple[str, ...] = (), **environ: str) -> None:
        python = environments.environment((*environments.ORIGINAL, *extra)) / "python"
        super().__init__(python, program, home, BUGGER_OFF="true", **environ)
