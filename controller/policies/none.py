"""Nothing heals: what a failure costs when nobody acts."""

from controller.policy import Policy

POLICY = Policy(
    name="none",
    summary="shortest paths and nothing more: what a failure takes away stays away",
)
