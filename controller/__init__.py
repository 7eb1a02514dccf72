"""How the network heals: paths and repairs, computed purely; rules; a thin Ryu application."""
