"""The policies of AWS sessions: golden, and judged by an evaluator of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import CredentialsError
from deeplake_nb.hub.vending.policies import literal, policy
from deeplake_nb.urls import Url, parse
from tests.hub.vending.policies import allows, pattern

GOLDEN = Path(__file__).parents[1] / "golden"
PLACE = parse("s3://bucket/team/cars")
NEW = {"s3__ObjectCreationOperation": "true", "s3__if_none_match": "*"}
OVER = {"s3__ObjectCreationOperation": "true"}

CASES = {
    "read": ([PLACE], "r"),
    "append": ([PLACE], "a"),
    "full": ([PLACE], "w"),
    "bucket": ([parse("s3://bucket")], "w"),
    "several": ([PLACE, parse("s3://bucket/raw"), parse("s3://other/images")], "r"),
    "odd": ([parse("s3://bucket/a*b?c$d/${aws:username}/ü")], "w"),
    "nothing": ([], "w"),
}


@pytest.mark.parametrize("name", CASES)
def test_policies_are_as_reviewed(name):
    written = policy(*CASES[name])
    assert json.loads(written) == json.loads((GOLDEN / f"policy-{name}.json").read_text())
    assert " " not in written
    assert written.isascii()


def arn(key, bucket="bucket"):
    return f"arn:aws:s3:::{bucket}/{key}" if key is not None else f"arn:aws:s3:::{bucket}"


@pytest.mark.parametrize(
    ("mode", "allowed"),
    [
        ("r", {"s3:GetObject"}),
        ("a", {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"}),
        ("w", {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"}),
    ],
)
def test_each_mode_allows_its_verbs_and_no_other(mode, allowed):
    document = policy([PLACE], mode)
    every = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:PutObjectAcl",
             "s3:DeleteObjectVersion", "s3:GetObjectVersion", "s3:PutBucketPolicy", "iam:CreateUser"}  # fmt: skip
    for action in every:
        assert allows(document, action, arn("team/cars/k"), **NEW) == (action in allowed), action
        assert not allows(document, action, arn("team/cars2/k"), **NEW)
        assert not allows(document, action, arn("team/cars"), **NEW)
        assert not allows(document, action, arn("k"), **NEW)
        assert not allows(document, action, arn("team/cars/k", "bucket2"), **NEW)
        assert not allows(document, action, arn(None), **NEW)


def test_listing_stays_in_the_folder():
    document = policy([PLACE], "r")
    for prefix, is_allowed in {
        "team/cars/": True,
        "team/cars/images/": True,
        "team/cars": False,
        "team/cars2/": False,
        "team/": False,
        "": False,
    }.items():
        assert allows(document, "s3:ListBucket", arn(None), s3__prefix=prefix) is is_allowed, prefix
    assert not allows(document, "s3:ListBucket", arn(None))
    assert not allows(document, "s3:ListBucket", arn(None, "bucket2"), s3__prefix="team/cars/")
    assert allows(policy([parse("s3://bucket")], "r"), "s3:ListBucket", arn(None))


def test_appending_makes_new_objects_and_replaces_none():
    document = policy([PLACE], "a")
    assert allows(document, "s3:PutObject", arn("team/cars/k"), **NEW)
    assert not allows(document, "s3:PutObject", arn("team/cars/k"), **OVER)
    # the parts of a long object: it is its completion that makes it
    assert allows(document, "s3:PutObject", arn("team/cars/k"), s3__ObjectCreationOperation="false")
    assert allows(policy([PLACE], "w"), "s3:PutObject", arn("team/cars/k"), **OVER)


@pytest.mark.parametrize("mode", ["r", "a", "w"])
def test_on_aws_the_storage_may_use_keys_of_kms_and_nobody_else_may(mode):
    document = policy([PLACE], mode, has_kms=True)
    for action, is_allowed in {
        "kms:Decrypt": True,
        "kms:GenerateDataKey": mode != "r",
        "kms:CreateGrant": False,
    }.items():
        key = "arn:aws:kms:eu-west-1:1:key/k"
        assert allows(document, action, key, kms__ViaService="s3.eu-west-1.amazonaws.com") is is_allowed
        assert not allows(document, action, key, kms__ViaService="ec2.eu-west-1.amazonaws.com")
        assert not allows(document, action, key)
    assert "kms" not in policy([PLACE], mode)
    assert "kms" not in policy([], mode, has_kms=True)


def test_no_place_is_no_permission():
    document = policy([], "w")
    assert json.loads(document)["Statement"] == [{"Effect": "Deny", "Action": "*", "Resource": "*"}]
    assert not allows(document, "s3:GetObject", arn("k"))


@given(st.text("ab*?$/{}ü\\\"' ", min_size=1, max_size=12), st.text("ab*?$/{}ü\\\"' ", max_size=12))
def test_no_name_is_wild(folder, other):
    document = policy([Url("s3", "bucket", folder)], "w")
    assert allows(document, "s3:GetObject", arn(f"{folder}/k"))
    assert allows(document, "s3:GetObject", arn(f"{other}/k")) == f"{other}/k".startswith(f"{folder}/")
    assert allows(document, "s3:ListBucket", arn(None), s3__prefix=f"{other}/") == f"{other}/".startswith(f"{folder}/")


@given(st.text(max_size=20))
def test_text_taken_literally_matches_itself_alone(text):
    assert pattern(literal(text)).fullmatch(text)
    assert not pattern(literal(text)).fullmatch(f"{text}x")


def test_other_parts_of_aws_have_names_of_their_own():
    for partition in ("aws-cn", "aws-us-gov"):
        document = json.loads(policy([PLACE], "r", partition))
        assert document["Statement"][0]["Resource"] == [f"arn:{partition}:s3:::bucket/team/cars/*"]


def test_a_policy_that_aws_would_refuse_is_refused_before():
    assert all(len(policy([parse(f"s3://bucket/{'x' * 800}")], mode)) <= 2048 for mode in "raw")
    with pytest.raises(CredentialsError, match="AWS takes 2048"):
        policy([parse(f"s3://bucket/{'x' * 1000}")], "w")
    with pytest.raises(CredentialsError, match="lend the key for fewer places"):
        policy([parse(f"s3://bucket/folder-number-{n}") for n in range(40)], "r")
