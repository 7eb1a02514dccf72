"""`python -m traffic`: which programs there are, and what each is for."""

from __future__ import annotations

from importlib import import_module

PROGRAMS = (
    "probe", "twamp", "bulk", "matrix", "collective", "training", "incast", "inference",
    "crafted", "replay", "capture",
)  # fmt: skip


def main() -> None:
    """Print each program with the first line of what it says of itself."""
    for name in PROGRAMS:
        summary = (import_module(f"traffic.{name}").__doc__ or "").partition("\n")[0]
        print(f"python -m traffic.{name:<12}{summary}")
    print("\nEach has --help, with examples.")


if __name__ == "__main__":
    main()
