"""Ceph's S3 gateway on this machine, a second opinion on S3: one monitor, one manager, one store in memory, as root.

It comes from Debian's packages, which are installed here when they are missing. It speaks presigned urls, rules for
browsers, session policies and multipart uploads like the real thing, and checks every signature.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from tests import debian

PACKAGES = ("radosgw", "ceph-mon", "ceph-osd", "ceph-mgr", "ceph-common")
SECONDS = 180
_PROGRAMS = ("radosgw", "ceph-mon", "ceph-osd", "ceph-mgr", "ceph", "radosgw-admin")
_CONF = """
[global]
fsid = {fsid}
mon_host = {mon}
mon_initial_members = a
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
keyring = {folder}/keyring
run_dir = {folder}
log_file = {folder}/$name.log
admin_socket =
pid_file =
mon_data = {folder}/mon
mgr_data = {folder}/mgr
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mgr_initial_modules =
rgw_frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw_s3_auth_use_sts = true
rgw_sts_key = abcdefghijklmnop
rgw_dns_name = localhost
"""
_KEYS = {
    "mon.": ("--cap", "mon", "allow *"),
    "client.admin": ("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *"),
    "mgr.x": ("--cap", "mon", "allow profile mgr", "--cap", "osd", "allow *"),
    "osd.0": ("--cap", "mon", "allow profile osd", "--cap", "osd", "allow *", "--cap", "mgr", "allow profile osd"),
    "client.rgw": ("--cap", "mon", "allow rwx", "--cap", "osd", "allow rwx", "--cap", "mgr", "allow *"),
}


def _found():
    """True when all programs are there, or None."""
    return all(map(shutil.which, _PROGRAMS)) or None


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    """A gateway that runs: its ``endpoint``, and its users."""

    def __init__(self, folder, endpoint):
        self.folder, self.endpoint = folder, endpoint

    def run(self, *command):
        command = [command[0], "-c", f"{self.folder}/ceph.conf", *command[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr[-2000:]}")
        return done.stdout

    def user(self, name):
        """Create a user; gives the keys as ``creds=`` takes them."""
        made = json.loads(
            self.run("radosgw-admin", "-n", "client.rgw", "user", "create", f"--uid={name}", f"--display-name={name}")
        )
        [keys] = made["keys"]
        return {"aws_access_key_id": keys["access_key"], "aws_secret_access_key": keys["secret_key"]}


@contextlib.contextmanager
def radosgw():
    """Install it if need be, and start it: half a minute."""
    debian.have(_found, *PACKAGES)
    folder = Path(tempfile.mkdtemp(prefix="radosgw-"))
    port = _free_port()
    gateway = Gateway(folder, f"http://127.0.0.1:{port}")
    fsid, mon = str(uuid.uuid4()), f"127.0.0.1:{_free_port()}"
    (folder / "ceph.conf").write_text(_CONF.format(fsid=fsid, mon=f"v1:{mon}/0", folder=folder, port=port))
    for name in ("mon", "mgr", "osd"):
        (folder / name).mkdir()
    children = []

    def start(program, *arguments):
        log = (folder / f"{program}.out").open("wb")
        command = [program, "-f", "-c", f"{folder}/ceph.conf", *arguments]
        children.append((subprocess.Popen(command, stdout=log, stderr=log), log))

    try:
        keyring = f"{folder}/keyring"
        subprocess.run(["ceph-authtool", "--create-keyring", keyring], check=True, capture_output=True)
        for name, caps in _KEYS.items():
            subprocess.run(["ceph-authtool", keyring, "--gen-key", "-n", name, *caps], check=True, capture_output=True)
        monmap = f"{folder}/monmap"
        made = ["monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v1:{mon}]", monmap]
        subprocess.run(made, check=True, capture_output=True)
        gateway.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        start("ceph-mon", "-i", "a")
        start("ceph-mgr", "-i", "x")
        osd = str(uuid.uuid4())
        gateway.run("ceph", "osd", "create", osd, "0")
        gateway.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        start("ceph-osd", "-i", "0")
        start("radosgw", "-n", "client.rgw")
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                urllib.request.urlopen(gateway.endpoint, timeout=5).close()
                break
            except (urllib.error.URLError, OSError) as error:
                dead = [child.args[0] for child, _ in children if child.poll() is not None]
                if dead or time.monotonic() > deadline:
                    logs = "\n".join(
                        f"{path.name}: {path.read_text(errors='replace')[-800:]}"
                        for path in (*folder.glob("*.out"), *folder.glob("*.log"))
                    )
                    raise RuntimeError(f"radosgw did not start ({dead or 'in time'}):\n{logs}") from error
                time.sleep(0.3)
        yield gateway
    finally:
        for child, log in reversed(children):
            child.kill()
            child.wait()
            log.close()
        shutil.rmtree(folder, ignore_errors=True)
