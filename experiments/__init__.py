"""Questions put to a network: scenarios, faults, trials, measurements, reports."""
