"""What AWS would say to a request under a policy: a small reading of its documentation, for the policies we write.

Everything that is not understood here is an error, so that no policy passes for want of reading it.
"""

from __future__ import annotations

import json
import re


def pattern(text):
    """A policy's text as a regular expression: ``*`` and ``?`` are wild, ``${*}``, ``${?}`` and ``${$}`` are not."""
    parts = re.split(r"(\$\{[*?$]\}|[*?])", text)
    wild = {"*": ".*", "?": "."}
    found = [wild.get(part) or re.escape(part[2] if part.startswith("${") else part) for part in parts if part]
    assert not any("${" in part for part in parts[::2]), f"a variable in {text!r}"
    return re.compile("".join(found), re.DOTALL)


def matches(patterns, text):
    return any(pattern(one).fullmatch(text) for one in patterns)


def holds(condition, context):
    for operator, wanted in condition.items():
        for name, value in wanted.items():
            given = context.get(name)
            match operator:
                case "StringLike":
                    is_met = given is not None and matches([value] if isinstance(value, str) else value, given)
                case "StringEquals":
                    is_met = given is not None and given in ([value] if isinstance(value, str) else value)
                case "Bool":
                    is_met = given is not None and given == value
                case "Null":
                    is_met = (given is None) == (value == "true")
                case _:
                    raise AssertionError(f"an operator nobody reads: {operator}")
            if not is_met:
                return False
    return True


def allows(document, action, resource, **context):
    """Whether the policy (JSON) allows it; a denial goes before everything else."""
    context = {name.replace("__", ":").replace("_", "-"): value for name, value in context.items()}
    effects = set()
    policy = json.loads(document)
    assert policy["Version"] == "2012-10-17"
    for statement in policy["Statement"]:
        assert set(statement) <= {"Effect", "Action", "Resource", "Condition", "Sid"}
        actions, resources = (
            [found] if isinstance(found := statement[name], str) else found for name in ("Action", "Resource")
        )
        if matches(actions, action) and matches(resources, resource) and holds(statement.get("Condition", {}), context):
            effects.add(statement["Effect"])
    return "Allow" in effects and "Deny" not in effects
