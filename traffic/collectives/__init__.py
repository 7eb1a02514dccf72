"""Collective operations as schedules (pure data), and the engine that carries them out.

A schedule says for each rank, round by round, which part of its buffer it sends to whom and
receives from whom. `catalogue` lists them, `tasks` finds what each message has to wait for,
`engine` moves the bytes, `model` says how long it takes at least.
"""
