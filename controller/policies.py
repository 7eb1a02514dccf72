"""How the network heals, by name. A new policy is one more entry here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from controller.repair import Protection
from topologies.problems import InputError, Problem, unknown


@dataclass(frozen=True, slots=True)
class Policy:
    """What a policy makes the controller do.

    protection: against what the switches themselves repair, without the controller.
    restores: whether the controller computes new paths when a span fails or returns.
    """

    name: str
    summary: str
    protection: Protection
    restores: bool


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        policy.name: policy
        for policy in (
            Policy(
                name="fast-reroute",
                summary="each switch repairs by itself, along a path prepared beforehand",
                protection=Protection.CONDUIT,
                restores=False,
            ),
            Policy(
                name="restoration",
                summary="the controller hears of the failure, computes new paths and installs them",
                protection=Protection.NONE,
                restores=True,
            ),
        )
    }
)
CHOOSABLE = (Protection.CONDUIT, Protection.LINK)


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
