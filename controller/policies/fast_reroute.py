"""The switches heal by themselves, along paths that were prepared before the failure."""

from controller.policy import Policy
from controller.repair import Protection

POLICY = Policy(
    name="fast-reroute",
    summary="each switch repairs by itself, along a path prepared beforehand",
    protection=Protection.NODE_AND_CONDUIT,
)
