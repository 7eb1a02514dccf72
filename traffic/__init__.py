"""What the network carries: probes, collectives, inference, bulk and crafted packets.

Each generator is a program of its own (`python -m traffic.probe --help`) that runs
as a process in a host, emulated or real. The programs use the standard library only
(bulk and crafted packets apart), because a network starts many of them.
"""
