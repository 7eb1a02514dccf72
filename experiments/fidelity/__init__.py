"""Whether a trial's machine was fit for what it measured: readings, and limits on them."""
