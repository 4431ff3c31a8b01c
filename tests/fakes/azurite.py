"""A real server of Azure's blob storage on this machine: azurite, installed by npm at first use."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING

from tests import environments, machine

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 120
VERSION = "2023-11-03"  # of the protocol: the SDK's newest is newer than azurite's
ACCOUNT = "lake"
KEY = base64.b64encode(hashlib.sha512(b"the key of the account in these tests").digest()).decode()
_PACKAGE = {
    "private": True,
    "dependencies": {"azurite": "3.37.0"},
    "overrides": {"applicationinsights": "3.16.0"},  # its telemetry, switched off here; newer ones need more
}
_LISTENS = re.compile(r"successfully listens on (https?://\S+)")


def installed() -> tuple[str, str]:
    """Paths of Node and of azurite's blob service; some 30 s at the first call on this machine."""
    scripts = environments.environment(environments.NODE)
    node = _run([str(scripts / "node"), "--print", "process.execPath"], os.environ).strip()
    with environments.cached("azurite", [json.dumps(_PACKAGE)]) as (folder, is_new):
        if is_new:
            (folder / "package.json").write_text(json.dumps(_PACKAGE))
            env = machine.environ() | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"}
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
            _run([str(scripts / "npm"), "install", *options, "--prefix", str(folder)], env)
    return node, str(folder / "node_modules/azurite/dist/src/blob/main.js")


def _run(command: list[str], env) -> str:
    done = subprocess.run(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=tempfile.gettempdir(),
    )
    if done.returncode:
        raise environments.InstallError(
            "the tests of Azure install azurite with npm and could not; is the npm registry reachable? "
            f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


@contextlib.contextmanager
def azurite(certificate: Path | None = None):
    """Start a server with one account, `ACCOUNT` with `KEY`, and give that account's endpoint.

    With a certificate (its key in the same folder, as ``key.pem``) it speaks https and takes bearer tokens: it reads
    their claims (issuer, audience, times) and believes their signature.
    """
    node, service = installed()
    command = [node, service, "--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
    command += ["--disableTelemetry", "--disableProductStyleUrl", "--blobKeepAliveTimeout", "600", "--silent"]
    if certificate is not None:
        command += ["--oauth", "basic", "--cert", str(certificate), "--key", str(certificate.with_name("key.pem"))]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            command,
            env=os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        give_up = threading.Timer(SECONDS, server.kill)
        give_up.start()
        said = []
        try:
            for line in server.stdout:
                said.append(line)
                if found := _LISTENS.search(line):
                    break
            else:
                raise RuntimeError(f"azurite did not start:\n{''.join(said)}")
            give_up.cancel()
            rest = threading.Thread(target=lambda: list(server.stdout))  # a full pipe would stop it
            rest.start()
            yield f"{found[1].rstrip('/')}/{ACCOUNT}"
        finally:
            give_up.cancel()
            server.terminate()
            server.wait()
        rest.join()
        server.stdout.close()


def behind(endpoint, container, credential=KEY, **options):
    """The SDK's own client, to look behind the storage's back; the container is made."""
    from azure.storage.blob import ContainerClient

    named = {"account_name": ACCOUNT, "account_key": credential} if isinstance(credential, str) else credential
    client = ContainerClient(endpoint, container, credential=named, retry_total=0, api_version=VERSION, **options)
    if not client.exists():
        client.create_container()
    return client
