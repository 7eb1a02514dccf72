"""What options and arguments take: checked with a helpful word, and completed in the shell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from topologies.problems import suggestion

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


class OneOf(click.Choice[str]):
    """One of a few words; a near miss is told what was probably meant."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """What is wrong, what is allowed, and what was probably meant."""
        told = super().get_invalid_choice_message(value, ctx).rstrip(".")
        return told + suggestion(value, [str(choice) for choice in self.choices])


class Integer(click.IntRange):
    """A whole number within a range, called so in messages."""

    name = "integer"


class Number(click.FloatRange):
    """A number within a range, called so in messages."""

    name = "number"


def completing(names: Callable[[], Iterable[str]], *, files: bool = True) -> Complete:
    """Complete names that exist; where none begins so, the names of files."""

    def complete(
        _ctx: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        found = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
        # A shell that is told to look for files forgets the names.
        return found or ([CompletionItem(incomplete, type="file")] if files else [])

    return complete


def _scenarios() -> Iterable[str]:
    from experiments.scenario_load import shipped_scenarios  # noqa: PLC0415 - completion is fast

    return shipped_scenarios()


def _studies() -> Iterable[str]:
    from experiments.study.load import shipped_studies  # noqa: PLC0415 - completion is fast

    return shipped_studies()


def _topologies() -> Iterable[str]:
    from topologies.load import catalogue_names  # noqa: PLC0415 - completion is fast
    from topologies.parametric import FAMILIES  # noqa: PLC0415

    return [*catalogue_names(), *(family.example for family in FAMILIES.values())]


def _policies() -> Iterable[str]:
    from controller.policies import POLICIES  # noqa: PLC0415 - completion is fast

    return POLICIES


scenarios = completing(_scenarios)
studies = completing(_studies)
topologies = completing(_topologies)
files_to_check = completing(lambda: [*_scenarios(), *_topologies()])
policies = completing(_policies, files=False)
