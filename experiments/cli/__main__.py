"""`python -m experiments.cli`, which the launcher hands over to."""

from experiments.cli.main import main

if __name__ == "__main__":
    main()
