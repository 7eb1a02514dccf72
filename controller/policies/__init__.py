"""How the network heals, by name. A new policy is a file beside this one and an entry here.

See docs/how-to/write-a-policy.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from controller.policies import (
    fast_reroute,
    fast_reroute_reoptimise,
    none,
    path_protection,
    restoration,
    spanning_tree,
)
from controller.policy import Policy
from controller.repair import Protection
from topologies.problems import InputError, Problem, unknown

__all__ = ["CHOOSABLE", "POLICIES", "Policy", "policy_named"]

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        module.POLICY.name: module.POLICY
        for module in (
            fast_reroute_reoptimise,
            fast_reroute,
            path_protection,
            restoration,
            spanning_tree,
            none,
        )
    }
)
CHOOSABLE = (
    Protection.NODE_AND_CONDUIT,
    Protection.NODE,
    Protection.CONDUIT,
    Protection.LINK,
)


def policy_named(name: str, protection: str | None = None) -> Policy:
    """A policy, with another protection than its own if one is given.

    Raises InputError for an unknown name, or a protection that the policy cannot have.
    """
    if name not in POLICIES:
        raise InputError([Problem("--policy", unknown("policy", name, POLICIES))])
    policy = POLICIES[name]
    if protection is None:
        return policy
    if protection not in CHOOSABLE:
        raise InputError([Problem("--protection", unknown("protection", protection, CHOOSABLE))])
    if policy.protection is Protection.NONE:
        message = f"policy {name!r} repairs nothing locally and takes no protection; leave it out"
        raise InputError([Problem("--protection", message)])
    return replace(policy, protection=Protection(protection))
