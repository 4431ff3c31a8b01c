"""Rules for web pages on each cloud: added to what is there, never dropping any, and tried out as a browser would."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import PermissionDeniedError, StorageError, UnsupportedError, UrlError
from deeplake_nb.storage.cors import cors, merged
from deeplake_nb.storage.cors_stores import AzureRules, GcsRules, S3Rules
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.wrappers import ReadOnly
from deeplake_nb.urls import parse
from tests.fakes import azurite, gcs, moto

LAB, OTHER = "https://lab.example:8443", "https://other.example"
NAMES = {"s3": S3Rules.names, "gcs": GcsRules.names, "azure": AzureRules.names}


def opened(place, creds):
    url = parse(place)
    return open_storage(url, credentials_from(url, creds, environ={}))


@pytest.fixture(scope="module")
def s3():
    with moto.moto_server() as endpoint:
        behind = moto.client(endpoint)
        behind.create_bucket(Bucket="bucket")
        yield SimpleNamespace(
            place="s3://bucket/cars",
            creds={**moto.ADMIN, "endpoint_url": endpoint},
            rule={"ID": "theirs", "AllowedMethods": ["PUT"], "AllowedOrigins": [OTHER], "AllowedHeaders": ["x-one"]},
            write=lambda rules: (
                behind.put_bucket_cors(Bucket="bucket", CORSConfiguration={"CORSRules": rules})
                if rules
                else behind.delete_bucket_cors(Bucket="bucket")
            ),
            read=lambda: behind.get_bucket_cors(Bucket="bucket")["CORSRules"],
            answers=False,  # it refuses every preflight
        )


@pytest.fixture(scope="module")
def gcs_():
    with gcs.emulator() as storage:
        settings = storage.buckets["bucket"].settings
        yield SimpleNamespace(
            place="gcs://bucket/cars",
            creds={"token": storage.issue(), "endpoint_url": storage.endpoint},
            weak={"token": storage.issue(gcs.READING), "endpoint_url": storage.endpoint},
            rule={"origin": [OTHER], "method": ["PUT"], "responseHeader": ["x-one"], "maxAgeSeconds": 7},
            write=lambda rules: settings.update(cors=rules),
            read=lambda: settings["cors"],
            answers=True,
        )


@pytest.fixture(scope="module")
def azure():
    from azure.storage.blob import BlobServiceClient, CorsRule

    with azurite.azurite() as endpoint:
        azurite.behind(endpoint, "box").close()
        named = {"account_name": azurite.ACCOUNT, "account_key": azurite.KEY}
        with BlobServiceClient(endpoint, credential=named, api_version=azurite.VERSION) as service:

            def read():
                return [
                    {
                        "AllowedOrigins": rule.allowed_origins.split(","),
                        "AllowedMethods": rule.allowed_methods.split(","),
                        "AllowedHeaders": rule.allowed_headers.split(","),
                        "ExposedHeaders": rule.exposed_headers.split(","),
                        "MaxAgeInSeconds": str(rule.max_age_in_seconds),
                    }
                    for rule in service.get_service_properties()["cors"]
                ]

            def write(rules):
                service.set_service_properties(
                    cors=[
                        CorsRule(
                            rule["AllowedOrigins"],
                            rule["AllowedMethods"],
                            allowed_headers=rule["AllowedHeaders"],
                            exposed_headers=rule["ExposedHeaders"],
                            max_age_in_seconds=int(rule["MaxAgeInSeconds"]),
                        )
                        for rule in rules
                    ]
                )

            yield SimpleNamespace(
                place=f"azure://{azurite.ACCOUNT}/box/cars",
                creds={"account_key": azurite.KEY, "endpoint_url": endpoint},
                rule={
                    "AllowedOrigins": [OTHER, "https://third.example"],
                    "AllowedMethods": ["PUT"],
                    "AllowedHeaders": ["x-one"],
                    "ExposedHeaders": ["x-two"],
                    "MaxAgeInSeconds": "7",
                },
                write=write,
                read=read,
                service=service,
                answers=True,
            )


@pytest.fixture(params=["s3", "gcs_", "azure"])
def cloud(request):
    cloud = request.getfixturevalue(request.param)
    cloud.write([])
    cloud.storage = opened(cloud.place, cloud.creds)
    cloud.names = NAMES[cloud.storage.url.scheme]
    return cloud


def quick(storage, origin=None, **options):
    return cors(storage, origin, sleep=lambda _: None, **options)


def test_a_page_is_let_in_and_everybody_elses_rules_stay(cloud):
    cloud.write([cloud.rule])
    report = quick(ReadOnly(cloud.storage), LAB, apply=True)
    theirs, ours = cloud.read()
    assert theirs == cloud.rule
    assert ours[cloud.names.origins] == [LAB]
    assert ours[cloud.names.methods] == ["GET", "HEAD"]
    assert (report.outcome, report.is_open) == ("added", cloud.answers)
    assert f"A rule for pages of {LAB} to read: added." in str(report)
    if cloud.answers:
        assert report.preflight == tuple(f"OPTIONS for {method}: 200, {LAB} may" for method in ("GET", "HEAD"))
    else:
        assert "The storage does not let them yet" in str(report)


def test_the_same_again_changes_nothing_and_another_page_joins_in(cloud):
    quick(cloud.storage, LAB, apply=True)
    before = cloud.read()
    assert quick(cloud.storage, LAB, apply=True).outcome == "there already"
    assert cloud.read() == before
    quick(cloud.storage, OTHER, apply=True)
    [rule] = cloud.read()
    assert rule[cloud.names.origins] == [LAB, OTHER]
    assert {name: v for name, v in rule.items() if name != cloud.names.origins} == {
        name: v for name, v in before[0].items() if name != cloud.names.origins
    }


def test_looking_changes_nothing_and_says_what_would(cloud, tmp_path):
    cloud.write([cloud.rule])
    report = quick(cloud.storage, LAB)
    assert cloud.read() == [cloud.rule]
    assert (report.outcome, report.is_open) == ("missing", False)
    assert f"To add it: {report.command}" in str(report)
    program = tmp_path / report.command.partition(" ")[0]
    program.write_text(
        "#!/bin/bash\n"
        'for word in "$@"; do echo "$word"; done\n'
        'for word in "$@"; do case "$word" in --cors-file=*) cat "${word#--cors-file=}";; esac; done\n'
    )
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", report.command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True,
        check=True, timeout=30,
    )  # fmt: skip
    words = done.stdout.splitlines()
    assert LAB in done.stdout
    documents = [json.loads(word) for word in words if word.startswith(("{", "["))]
    assert all(OTHER in json.dumps(document) for document in documents)
    only = quick(cloud.storage)
    assert (only.origin, only.outcome, only.preflight) == (None, "", ())
    assert only.rules == (cloud.rule,)
    assert OTHER in str(only)


@pytest.mark.parametrize("cloud", ["gcs_", "azure"], indirect=True)  # moto answers nobody
def test_pages_of_others_are_refused_by_the_storage(cloud):
    quick(cloud.storage, LAB, apply=True)
    assert quick(cloud.storage, LAB).is_open
    report = quick(cloud.storage, OTHER)
    assert (report.is_open, report.outcome) == (False, "missing")
    assert all("refused" in line for line in report.preflight)


def test_who_may_not_change_the_rules_is_told(gcs_):
    gcs_.write([gcs_.rule])
    with pytest.raises(PermissionDeniedError, match="cannot set the CORS rules of"):
        quick(opened(gcs_.place, gcs_.weak), LAB, apply=True)
    assert gcs_.read() == [gcs_.rule]


def test_azure_keeps_its_other_properties_and_takes_no_sixth_rule(azure):
    azure.service.set_service_properties(cors=[], hour_metrics=None, target_version="2020-10-02")
    rules = [{**azure.rule, "AllowedOrigins": [f"https://{n}.example"]} for n in range(5)]
    azure.write(rules[:4])
    storage = opened(azure.place, azure.creds)
    quick(storage, LAB, apply=True)
    assert azure.service.get_service_properties()["target_version"] == "2020-10-02"
    assert azure.read()[:4] == rules[:4]
    azure.write(rules)
    with pytest.raises(StorageError, match="5 CORS rules already"):
        quick(storage, LAB, apply=True)
    assert azure.read() == rules


def test_a_storage_that_does_not_answer_is_asked_again_for_a_while(gcs_, monkeypatch):
    gcs_.write([])
    waited = []

    def slow(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            hidden.extend(gcs_.read())

    hidden = []
    monkeypatch.setattr(gcs, "_ROUTES", [("OPTIONS", r"/([^/]+)/(.+)", preflight_of(hidden)), *gcs._ROUTES])
    report = cors(opened(gcs_.place, gcs_.creds), LAB, apply=True, sleep=slow)
    assert report.is_open
    assert waited == [0.0, 0.5, 1.0]


def preflight_of(rules):
    def preflight(self, request, bucket, name):
        origin = request.headers.get("origin")
        allowed = any(origin in rule["origin"] for rule in rules)
        return gcs.Response(200, b"", {"Access-Control-Allow-Origin": origin} if allowed else {})

    return preflight


@pytest.mark.parametrize(
    "origin",
    ["", "*", "lab.example", "https://lab.example/x", "https://*.example", "ftp://lab", "null", "https://a b",
     "https://user:pw@lab", "https://lab:8443:1", "https://lab.example?x", 'https://lab"'],
)  # fmt: skip
def test_what_is_no_origin_is_refused(gcs_, origin):
    with pytest.raises(UrlError, match="is no origin"):
        quick(opened(gcs_.place, gcs_.creds), origin, apply=True)


@pytest.mark.parametrize("origin", ["https://LAB.example/", "http://localhost:8888", "http://[::1]:8888"])
def test_origins_as_browsers_show_them(gcs_, origin):
    gcs_.write([])
    quick(opened(gcs_.place, gcs_.creds), origin, apply=True)
    assert gcs_.read()[0]["origin"] == [origin.lower().rstrip("/")]


@pytest.mark.parametrize("place", ["mem://x", "https://host/x"])
def test_storages_without_such_rules_say_so(place):
    with pytest.raises(UnsupportedError, match="has no rules for web pages"):
        quick(open_storage(parse(place)), LAB)


def test_a_wide_rule_is_enough():
    names = NAMES["s3"]
    for origins in (["*"], ["https://*.example:8443"], [OTHER, LAB]):
        rule = {"AllowedOrigins": origins, "AllowedMethods": ["GET", "HEAD", "PUT"], "AllowedHeaders": ["*"]}
        assert merged([rule], LAB, names) == [rule]
    for change in ({"AllowedMethods": ["GET"]}, {"AllowedHeaders": []}, {"AllowedOrigins": ["https://lab.example"]}):
        assert len(merged([{**rule, **change}], LAB, names)) == 2
    assert merged([{**rule, "AllowedHeaders": ["Range"]}], LAB, names) == [{**rule, "AllowedHeaders": ["Range"]}]


@given(st.lists(st.sampled_from([LAB, OTHER, "*", "https://x"]), max_size=3).map(list), st.data())
def test_no_rule_is_ever_lost(origins, data):
    cloud = data.draw(st.sampled_from(sorted(NAMES)))
    names = NAMES[cloud]
    methods = data.draw(st.lists(st.sampled_from(["GET", "HEAD", "PUT"]), unique=True))
    rules = [{names.origins: [one], names.methods: methods, **names.template, "kept": 1} for one in origins]
    after = merged(rules, LAB, names)
    assert after[: len(rules)] == rules
    assert merged(after, LAB, names) == after
    assert len(after) <= len(rules) + 1


def test_the_question_is_the_one_browsers_ask(gcs_):
    """The emulator answers a question by hand as it answers ours."""
    gcs_.write([])
    quick(opened(gcs_.place, gcs_.creds), LAB, apply=True)
    request = urllib.request.Request(
        f"{gcs_.creds['endpoint_url']}/bucket/any/key",
        method="OPTIONS",
        headers={"Origin": LAB, "Access-Control-Request-Method": "GET"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == LAB
