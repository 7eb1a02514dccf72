"""Reports: one HTML page that opens without a network, comparisons, and figures for papers.

`page` puts it together; what it shows is read by `read`, put side by side by `columns`, and drawn
by `charts`, `playback` and `network_map`. Scripts and style sheets are in `assets/`.
"""
