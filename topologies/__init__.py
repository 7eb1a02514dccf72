"""What the network is: its model, catalogue, import, fibre, checks, maps, and its builder."""

from topologies.distribution import see_distribution

see_distribution()
