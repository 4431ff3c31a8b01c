"""A real S3 server on this machine: moto in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import botocore.session
from botocore.config import Config

SECONDS = 120
EVERYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
ADMIN = {"aws_access_key_id": "AKIAOPENMODE", "aws_secret_access_key": "any"}  # the open mode takes whatever comes


@contextlib.contextmanager
def moto_server():
    """Start a server in open mode and give its endpoint, as ``http://127.0.0.1:port``."""
    with tempfile.TemporaryFile() as log:
        for _ in range(5):  # another program may take the port between choosing and binding it
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            command = [sys.executable, "-m", "tests.fakes.moto_server", "-H", "127.0.0.1", "-p", str(port)]
            environ = os.environ | {"PYTHONWARNINGS": "ignore", "AWS_EC2_METADATA_DISABLED": "true"}
            server = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
            endpoint = f"http://127.0.0.1:{port}"
            try:
                if _answers(server, endpoint):
                    yield endpoint
                    return
            finally:
                server.terminate()
                server.wait()
        log.seek(0)
        raise RuntimeError(f"moto did not start:\n{log.read().decode()[-4000:]}")


def _answers(server, endpoint):
    deadline = time.monotonic() + SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5).close()
            return True
        time.sleep(0.05)
    return False


def client(endpoint, service="s3", **keys):
    """An SDK client of our own, to look behind the storage's back."""
    keys = keys or ADMIN
    config = Config(retries={"mode": "standard", "max_attempts": 1}, max_pool_connections=40)
    session = botocore.session.Session()
    return session.create_client(service, region_name="us-east-1", endpoint_url=endpoint, config=config, **keys)


def user(endpoint, name, statements):
    """Create a user with one policy, in open mode; gives the keys as ``creds=`` takes them."""
    iam = client(endpoint, "iam")
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": statements}
    iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}


def everything_in(bucket):
    """The policy of who may do all with a bucket, and nothing else."""
    return [{"Effect": "Allow", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}]


def role(endpoint, name, statements):
    """Create a role with one policy and assume it, in open mode; gives temporary keys as ``creds=`` takes them."""
    iam, sts = client(endpoint, "iam"), client(endpoint, "sts")
    anyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [anyone]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = {"Version": "2012-10-17", "Statement": statements}
    iam.put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
    made = sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
        "aws_session_token": made["SessionToken"],
    }


@contextlib.contextmanager
def closed(bucket, fill=lambda _: None, **users):
    """A server with a bucket, where signatures and policies count; gives each user's keys as ``creds=`` takes them.

    Args:
        bucket: its name.
        fill: puts in what it is to hold, with the keys it is given, which may do everything until then.
        users: their policies.
    """
    with moto_server() as endpoint:
        client(endpoint).create_bucket(Bucket=bucket)
        keys = {name: {**user(endpoint, name, policy), "endpoint_url": endpoint} for name, policy in users.items()}
        fill({**ADMIN, "endpoint_url": endpoint})
        close_doors(endpoint)
        yield keys


def close_doors(endpoint):
    """From now on every signature and policy counts (and moto's own pages answer no more)."""
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
    )
    urllib.request.urlopen(request, timeout=SECONDS).close()
