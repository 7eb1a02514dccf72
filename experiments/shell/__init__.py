"""`fibercut shell`: a prompt on a built network, in the guest."""
