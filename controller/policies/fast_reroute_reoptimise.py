"""Fast reroute; and behind the repair, unhurried and without loss, a move to the best paths.

A repaired packet takes a detour, and what failed once may not fail twice. So the
controller computes the paths without the failed spans, with repairs around them, and
moves all traffic there before anything is taken away (`controller.hitless`); it moves
back when the spans have proved to be up again.
"""

from controller.policy import Policy
from controller.repair import Protection

POLICY = Policy(
    name="fast-reroute-reoptimise",
    summary="fast reroute, then a lossless move to the best paths that are left (the default)",
    protection=Protection.NODE_AND_CONDUIT,
    restores=True,
    reoptimises=True,
)
