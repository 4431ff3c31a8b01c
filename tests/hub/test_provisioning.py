"""Scripts for the owner of a cloud: as reviewed, run by a real shell, and on AWS's side by a server that judges roles.

The clouds' own programs are stood in for: they write down how they were called, and ``aws`` asks moto.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deeplake_nb.errors import CredentialsError, MissingCredentialsError, PermissionDeniedError
from deeplake_nb.hub import vending
from deeplake_nb.hub.provisioning import HubIdentity, provisioning
from deeplake_nb.urls import Url
from tests.fakes import entra, gcs, moto, oauth

GOLDEN = Path(__file__).parent / "golden"
HUB = {
    "aws-role": HubIdentity("arn:aws:iam::999999999999:role/hub"),
    "gcs-impersonation": HubIdentity("hub@hubs.iam.gserviceaccount.com"),
    "azure-principal": HubIdentity("system:serviceaccount:lake:hub", "https://issuer.example/"),
}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/team/lake"}
ACCOUNT = {"service_account": "lake@project.iam.gserviceaccount.com"}
TENANT = {"tenant_id": "11111111-2222-3333-4444-555555555555"}
CASES = {
    "aws": ("aws-role", ROLE, ["s3://bucket/team/cars", "s3://raw"], "of-the-hub", HUB["aws-role"]),
    "google": ("gcs-impersonation", ACCOUNT, ["gcs://bucket/cars", "gcs://raw"], None, HUB["gcs-impersonation"]),
    "azure": ("azure-principal", TENANT, ["azure://lake/box/cars", "azure://lake/raw"], None, HUB["azure-principal"]),
    "azure-registered": (
        "azure-principal", {**TENANT, "client_id": "c", "client_secret": "s3cret"}, ["azure://lake/box"], None, None,
    ),
}  # fmt: skip
# What somebody could write, who wants a shell to do something else.
EVIL = ["$(touch owned)", "`touch owned`", "'; touch owned; '", '"; touch owned; "', "\n touch owned\n",
        "a\\' || true || '", "~x,~y|||z", "%s%n", "${HOME}", "&& touch owned", "EOF\ntouch owned\nEOF"]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_scripts_are_as_reviewed(name):
    written = provisioning(*CASES[name])
    assert written == (GOLDEN / f"provisioning-{name}.sh").read_text()
    assert "s3cret" not in written
    assert subprocess.run(["bash", "-n"], input=written, text=True, timeout=60, check=False).returncode == 0


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """``aws``, ``az`` and ``gcloud``, which answer little and write down their arguments; gives those of a run."""
    log = tmp_path / "log"
    program = f"""#!/bin/sh
printf '%s\\036' "${{0##*/}}" "$@" >> {log}
printf '\\035' >> {log}
case "$*" in
    *default_kms_key*) echo projects/p/key ;;
    *uniform_bucket_level_access*) echo True ;;
    *tenantId*) echo {TENANT["tenant_id"]} ;;
    *) echo answer ;;
esac
"""
    for name in ("aws", "az", "gcloud"):
        (tmp_path / name).write_text(program)
        (tmp_path / name).chmod(0o755)

    def run(script):
        log.unlink(missing_ok=True)
        done = run_by_bash(script, tmp_path)
        assert done.returncode == 0, done.stderr
        return [call.split("\036")[:-1] for call in log.read_text().split("\035")[:-1]]

    return run


def run_by_bash(script, folder):
    environ = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        ["bash"], input=script, env=environ, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", CASES)
def test_scripts_run_to_their_end(programs, name):
    calls = programs(provisioning(*CASES[name]))
    kind, _, places, *_ = CASES[name]
    assert {call[0] for call in calls} == {{"aws-role": "aws", "azure-principal": "az"}.get(kind, "gcloud")}
    assert len(calls) > 5
    for call in calls:
        for word in call:
            if word.startswith("{"):
                json.loads(word)
    text = json.dumps(calls)
    assert all(Path(place).name in text or Path(place).parent.name in text for place in places)


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("kind", HUB)
def test_no_name_is_read_by_the_shell(programs, tmp_path, kind, evil):
    """Folders, external ids, tenants and the hub's own name: all arrive as they are, and nothing else happens."""
    fields, place = {
        "aws-role": (ROLE, Url("s3", "bucket", f"a/{evil}/b")),
        "gcs-impersonation": (ACCOUNT, Url("gcs", "bucket", f"a/{evil}/b")),
        "azure-principal": ({**TENANT, "client_id": evil}, Url("azure", "lake", f"box/{evil}")),
    }[kind]
    hub = HubIdentity(f"hub{evil}", f"issuer{evil}")
    calls = programs(provisioning(kind, fields, [place], f"id{evil}", hub))
    assert not (tmp_path / "owned").exists()
    words = [word for call in calls for word in call]
    if kind == "aws-role":
        trust, rights = (json.loads(word) for word in words if word.startswith("{") and "kms" not in word)
        assert trust["Statement"][0]["Principal"]["AWS"] == hub.name
        assert trust["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"] == f"id{evil}"
        assert rights["Statement"][0]["Resource"] == [
            f"arn:aws:s3:::bucket/a/{evil.replace('$', '${$}')}/b/*".replace("*/b", "${*}/b")
        ]
    elif kind == "gcs-impersonation":
        assert f"--member=serviceAccount:{hub.name}" in words
        [condition] = [word for word in words if word.startswith("--condition=") and "expression=" in word]
        text = condition.removeprefix("--condition=")
        mark = text[1:].partition("^")[0] if text.startswith("^") else ","
        parts = dict(part.split("=", 1) for part in text.removeprefix(f"^{mark}^").split(mark))
        [expression] = [parts["expression"]]
        rule = {
            "availableResource": "//storage.googleapis.com/projects/_/buckets/bucket",
            "availablePermissions": ["inRole:roles/storage.objectUser"],
            "availabilityCondition": {"expression": expression},
        }
        assert gcs._is_within(rule, "get", "bucket", f"a/{evil}/b/k", "")
        assert not gcs._is_within(rule, "get", "bucket", "a/k", "")
    else:
        [trust] = [json.loads(word) for word in words if word.startswith("{")]
        assert (trust["subject"], trust["issuer"]) == (hub.name, hub.issuer)
        assert evil.strip() in words


@pytest.mark.parametrize(
    ("kind", "fields", "places", "said"),
    [
        ("aws-keys", {"aws_access_key_id": "A", "aws_secret_access_key": "s"}, ["s3://b"], "needs nothing to be run"),
        ("aws-role", ROLE, [], "bound to no urls"),
        ("aws-role", ROLE, ["gcs://b"], "does not open gcs://b"),
        ("aws-role", ROLE, ["s3://--endpoint-url=x/y"], "no bucket or account is called '--endpoint-url=x'"),
        ("aws-role", ROLE, [f"s3://b/{n:0900}" for n in range(9)], "longer than AWS takes"),
        ("azure-principal", TENANT, ["azure://lake"], "names no container"),
        ("azure-principal", TENANT, ["azure://lake/-x/y"], "names no container"),
        (
            "gcs-impersonation",
            {"service_account": "a@developer.gserviceaccount.com"},
            ["gcs://b"],
            "none of a project's",
        ),
    ],
)
def test_what_cannot_be_provisioned_is_refused(kind, fields, places, said):
    with pytest.raises(CredentialsError, match=said):
        provisioning(kind, fields, places, None, HUB.get(kind, HubIdentity("x")))


def test_a_bucket_without_uniform_access_is_left_as_it_is(programs, tmp_path):
    """Switching that on takes rights away from others: whoever runs the script decides."""
    program = (tmp_path / "gcloud").read_text().replace("echo True", "echo False")
    (tmp_path / "gcloud").write_text(program)
    done = run_by_bash(provisioning(*CASES["google"]), tmp_path)
    assert done.returncode == 1
    assert "switch on uniform bucket-level access first" in done.stderr
    assert "add-iam-policy-binding gs://" not in (tmp_path / "log").read_text()


def test_the_wrong_tenant_stops_the_script(programs, tmp_path):
    program = (tmp_path / "az").read_text().replace(TENANT["tenant_id"], "another")
    (tmp_path / "az").write_text(program)
    done = run_by_bash(provisioning(*CASES["azure"]), tmp_path)
    assert (done.returncode, (tmp_path / "log").read_text().count("\035")) == (1, 1)
    assert f"az login --tenant {TENANT['tenant_id']}" in done.stderr


AWS = """#!{python}
import json, os, sys
sys.path.insert(0, {root!r})
from tests.fakes import moto
from botocore.exceptions import ClientError
service, operation, *words = sys.argv[1:]
options = dict(zip(words[::2], words[1::2]))
options.pop("--output", None)
query = options.pop("--query", None)
named = {{"".join(part.title() for part in name[2:].split("-")): value for name, value in options.items()}}
service = "s3" if service == "s3api" else service
try:
    answer = getattr(moto.client({endpoint!r}, service), operation.replace("-", "_"))(**named)
except ClientError as error:
    sys.exit(str(error))
if query:
    rules = answer["ServerSideEncryptionConfiguration"]["Rules"] if "Rules" in query else []
    print(rules[0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID") if rules else "None")
"""


def test_a_role_made_by_the_script_lets_the_hub_in_and_nobody_else(tmp_path):
    """The whole way: the hub says who it is, the script runs, and the role opens the bucket."""
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        moto.client(endpoint).put_object(Bucket="bucket", Key="cars/k", Body=b"stored")
        everything = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        hub, stranger = (moto.user(endpoint, name, everything) for name in ("hub", "stranger"))
        environ = {name.upper(): value for name, value in hub.items()}
        account = moto.client(endpoint, "sts").get_caller_identity()["Account"]
        fields = {"role_arn": f"arn:aws:iam::{account}:role/lake", "sts_endpoint_url": endpoint}
        script = provisioning("aws-role", fields, ["s3://bucket/cars"], "of-the-hub", environ=environ)
        assert f"The hub is arn:aws:iam::{account}:user/hub." in script
        (tmp_path / "aws").write_text(
            AWS.format(python=sys.executable, root=str(Path(__file__).parents[2]), endpoint=endpoint)
        )
        (tmp_path / "aws").chmod(0o755)
        for _ in range(2):  # again does no harm
            done = run_by_bash(script, tmp_path)
            assert done.returncode == 0, done.stderr
        policy = moto.client(endpoint, "iam").get_role_policy(RoleName="lake", PolicyName="deeplake-nb")
        assert policy["PolicyDocument"]["Statement"][0]["Resource"] == ["arn:aws:s3:::bucket/cars/*"]
        moto.close_doors(endpoint)

        def lend(external_id, environ):
            return vending.vend("aws-role", fields, "s3://bucket/cars", "r", external_id=external_id, environ=environ)

        assert lend("of-the-hub", environ).creds["aws_session_token"]
        others = {name.upper(): value for name, value in stranger.items()}
        for external_id, who in (("guessed", environ), ("of-the-hub", others)):  # moto lets pass who gives none at all
            with pytest.raises(PermissionDeniedError, match="run what its provisioning prints"):
                lend(external_id, who)


def test_the_hub_says_who_it_is(tmp_path, monkeypatch):
    with moto.moto_server() as endpoint:
        keys = moto.role(endpoint, "machine", [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}])
        environ = {name.upper(): value for name, value in keys.items()}
        script = provisioning("aws-role", {**ROLE, "sts_endpoint_url": endpoint}, ["s3://b"], "x", environ=environ)
        assert "The hub is arn:aws:iam::123456789012:role/machine." in script
    with gcs.emulator() as storage, oauth.google(storage) as google:
        key = tmp_path / "hub.json"
        key.write_text(json.dumps(google.service_account("hub@hubs.iam.gserviceaccount.com")))
        environ = {"GOOGLE_APPLICATION_CREDENTIALS": str(key)}
        script = provisioning("gcs-impersonation", ACCOUNT, ["gcs://b"], environ=environ)
        assert "The hub is hub@hubs.iam.gserviceaccount.com." in script
        key.write_text(json.dumps(google.authorized_user()))
        with pytest.raises(MissingCredentialsError, match="no service account of its own"):
            provisioning("gcs-impersonation", ACCOUNT, ["gcs://b"], environ=environ)
    (tmp_path / "token").write_text(entra.token(issuer="https://cluster.example/", sub="system:serviceaccount:a:b"))
    environ = {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token")}
    script = provisioning("azure-principal", TENANT, ["azure://lake/box"], environ=environ)
    assert "The hub is system:serviceaccount:a:b, by https://cluster.example/." in script
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi")
    monkeypatch.setenv("IDENTITY_HEADER", "header")
    script = provisioning("azure-principal", TENANT, ["azure://lake/box"], environ={})
    assert "az ad app credential reset" in script
    assert os.environ.get("AZURE_FEDERATED_TOKEN_FILE") is None
