"""A session that lets nothing pass unsaid: run as a program, it tries every path with the secrets of its environment.

All loggers speak at their lowest level, tracebacks show every local variable, every value is displayed, every child's
arguments are written down, and what can be pickled is. Whatever a secret could end up in lies in the working folder.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
import sys
import traceback
from pathlib import Path

from tests.fakes import indiscreet_clouds

CHILDREN = Path("children.txt")


def note_children(event, arguments):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        with CHILDREN.open("a") as file:
            file.write(f"{event} {arguments[:2]}\n")


def cells(shell, *lines):
    """Run cells as a user does; what they raise is shown, with all there is to show."""
    for line in lines:
        shell.run_cell(line, store_history=True)


def frames(error, out, own=(__file__, indiscreet_clouds.__file__)):
    """Every local variable of every frame but those of some files, of an error and all its causes."""
    seen, pending = set(), [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        out.write(f"{current!r} {vars(current)!r}\n")
        for frame, _ in traceback.walk_tb(current.__traceback__):
            if frame.f_code.co_filename not in own:
                out.writelines(f"    {name} = {value!r}\n" for name, value in frame.f_locals.items())
        pending += [current.__cause__, current.__context__]


def main(good, bad, web):
    sys.addaudithook(note_children)
    logging.basicConfig(filename="log.txt", level=logging.NOTSET)
    for name in ("botocore", "urllib3", "s3transfer", "deeplake_nb", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)

    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    import deeplake_nb
    from deeplake_nb import cli, session
    from deeplake_nb.errors import LakeError

    config = Config()
    config.HistoryManager.hist_file = "history.sqlite"
    shell = InteractiveShell.instance(config=config)
    cells(shell, "%load_ext deeplake_nb", "%xmode Verbose")

    # what works, signed with secrets from the environment
    os.environ["AWS_ENDPOINT_URL"] = good
    cells(
        shell,
        "import deeplake_nb as deeplake",
        "ds = deeplake.empty('s3://bucket/place')",
        "with ds:\n    ds.create_tensor('x')\n    ds.x.extend(list(range(100)))\n    ds.info['about'] = 'numbers'",
        "%lake load s3://bucket/place as again",
        "again.x.numpy().sum()",
        "%lake ls s3://bucket",
        "%lake explain s3://bucket/place",
        "%lake doctor s3://bucket/place",
        "deeplake.copy('s3://bucket/place', './copy', progressbar=False)",
        "deeplake.copy('./copy', 's3://bucket/other', progressbar=False)",
        "deeplake.explain('s3://bucket/place')._repr_html_()",
        "deeplake.doctor('s3://bucket/place')._repr_html_()",
    )

    # what fails
    cells(shell, "deeplake.load('s3://no-such-bucket/x')", "%lake load s3://bucket/nothing", "%lake why")
    os.environ["AWS_ENDPOINT_URL"] = bad
    cells(
        shell,
        "deeplake.load('s3://bucket/place')",
        "%lake load s3://bucket/place as lost",
        "%lake why",
        "%lake doctor s3://bucket/place",
        "deeplake.copy('./copy', 's3://bucket/third', progressbar=False)",
    )
    for endpoint in ("http://127.0.0.1:9", "not an endpoint"):
        os.environ["AWS_ENDPOINT_URL"] = endpoint
        cells(shell, "%lake load s3://bucket/place as lost", "%lake why", "%lake doctor s3://bucket/place")
    os.environ["AWS_ENDPOINT_URL"] = good
    cells(
        shell,
        "import os; os.environ['AWS_CREDENTIAL_EXPIRATION'] = '2001-01-01T00:00:00Z'",
        "deeplake.load('s3://bucket/place')",
        "%lake why",
        "%lake explain s3://bucket/place",
        "os.environ['AWS_CREDENTIAL_EXPIRATION'] = 'no time at all'",
        "deeplake.load('s3://bucket/place')",
        "%lake why",
        "del os.environ['AWS_CREDENTIAL_EXPIRATION']",
    )
    kept = os.environ.pop("AWS_ACCESS_KEY_ID")
    cells(shell, "deeplake.load('s3://bucket/place')", "%lake why", "%lake explain s3://bucket/place")
    os.environ["AWS_ACCESS_KEY_ID"] = kept

    # secrets as arguments, of calls that work and of calls that fail
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    keys = {"aws_access_key_id": "AKIA", "aws_secret_access_key": secret, "aws_session_token": secret}
    out = io.StringIO()
    shown = io.StringIO()
    uses = [
        lambda: deeplake_nb.load("s3://bucket/place", creds={**keys, "endpoint_url": good}),
        lambda: deeplake_nb.load("s3://bucket/place", creds={**keys, "endpoint_url": bad}),
        lambda: deeplake_nb.load("s3://bucket/place", creds={**keys, "endpoint_url": f"http://me:{secret}@host"}),
        lambda: deeplake_nb.load("s3://bucket/place", creds={"aws_secret_access_key": secret}),
        lambda: deeplake_nb.load("s3://bucket/place", creds={**keys, "profile_name": "x"}),
        lambda: deeplake_nb.load("s3://bucket/place", creds={"aws_key": secret}),
        lambda: deeplake_nb.load("s3://bucket/place", creds=lambda: {**keys, "endpoint_url": bad}),
        lambda: deeplake_nb.load("s3://bucket/place", creds=lambda: {"aws_secret_access_key": secret}),
        lambda: deeplake_nb.explain("s3://bucket/place", keys),
        lambda: deeplake_nb.doctor("s3://bucket/place", {**keys, "endpoint_url": bad}),
        lambda: deeplake_nb.copy("./copy", "s3://bucket/x", dest_creds={**keys, "endpoint_url": bad}),
        lambda: deeplake_nb.load(f"{web.replace('://', f'://me:{secret}@')}/data"),
        lambda: deeplake_nb.load(f"{web}/data?sig={secret}"),
        lambda: deeplake_nb.doctor(f"{web}/data?sig={secret}"),
        lambda: deeplake_nb.read(f"{web}/none.jpg?sig={secret}").array,
        lambda: deeplake_nb.load(f"s3://AKIA:{secret}@bucket/place"),
    ]
    for use in [*uses, *indiscreet_clouds.uses()]:
        try:
            value = use()
        except LakeError as error:
            traceback.print_exception(error, file=out)
            frames(error, shown)
        else:
            shown.write(f"{value!r}\n")
    Path("tracebacks.txt").write_text(out.getvalue())
    Path("frames.txt").write_text(shown.getvalue())

    # what could be written to a file, and what a shell's arguments may hold
    pickles = 0
    for value in (shell.user_ns["ds"], session.default(), shell.user_ns["ds"]._state.storage, shell.user_ns["ds"].x):
        try:
            Path(f"pickle-{pickles}").write_bytes(pickle.dumps(value))
        except (LakeError, TypeError, AttributeError, pickle.PicklingError):
            continue
        pickles += 1
    for arguments in (
        ["doctor", "s3://bucket/place"],
        ["explain", "s3://bucket/place"],
        ["doctor", f"{web}?sig={secret}"],
    ):
        cli.main(arguments)
    shell.history_manager.end_session()
    print("said all")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
