"""Studies: a grid of scenarios, run in parallel, resumed where they were left."""
