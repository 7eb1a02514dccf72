"""A script as a reader may have one, written for plain Mininet."""

import sys

from mininet.net import Mininet
from mininet.node import OVSBridge
from mininet.topo import SingleSwitchTopo

net = Mininet(topo=SingleSwitchTopo(k=2), switch=OVSBridge, controller=None)
net.start()
lost = net.pingAll()
net.stop()
sys.exit(lost > 0)
