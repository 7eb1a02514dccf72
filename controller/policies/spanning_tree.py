"""The classroom's baseline: Ryu's own learning switch with IEEE 802.1D, as it is shipped."""

from controller.policy import Policy

POLICY = Policy(
    name="spanning-tree",
    summary="Ryu's stock learning switch with the spanning tree protocol, unmodified",
    app="ryu.app.simple_switch_stp_13",
)
