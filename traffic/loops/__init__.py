"""Training loops: when a step computes, what it sends and when it has to wait for it."""
