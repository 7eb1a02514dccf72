"""What every span carries over time: sampled in the guest, told as a table and as figures."""
