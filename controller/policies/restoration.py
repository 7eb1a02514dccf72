"""The controller alone heals: it hears of a failure, computes and installs new paths."""

from controller.policy import Policy

POLICY = Policy(
    name="restoration",
    summary="the controller hears of the failure, computes new paths and installs them",
    restores=True,
)
