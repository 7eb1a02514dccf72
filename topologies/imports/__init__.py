"""Networks that others have written down: TopoHub, GraphML, GML, node-link JSON and SNDlib.

A reader (`graphml`, `gml`, `node_link`, `sndlib`, `topohub`) makes a `graph.Graph` of what it
finds. `rules` settles what is missing or odd in it, each decision with a note, and `topology`
makes a checked Topology of the rest. See docs/reference/real-networks.md.
"""
