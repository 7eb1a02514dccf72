"""The tutorial's policy is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from controller.policies import policy_named
from controller.policy import Policy
from experiments.coverage import Kind, Mechanism, coverage, failures
from tests.unit.controller_plans import plan_of, topohub_edges

TUTORIAL = Path(__file__).parent.parent.parent / "docs" / "how-to" / "write-a-policy.md"


def test_the_tutorial_s_policy_does_what_the_tutorial_says() -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", TUTORIAL.read_text("utf-8"), re.DOTALL))
    names: dict[str, Any] = {}
    exec(code, names)
    policy = names["POLICY"]
    assert isinstance(policy, Policy)
    plan = plan_of(topohub_edges("topozoo/Abilene"))
    cases = list(failures(plan, pairs=True))
    alone = coverage(plan, policy, cases)
    assert sum(tally.looped for tally in alone.tallies.values()) == 0
    spans = alone.tallies[Kind.SPAN]
    assert spans.share(Mechanism.ALTERNATE) > 0
    assert spans.share(Mechanism.ONE_LABEL) == 0
    # What alternates cannot reach, fast reroute can.
    assert spans.delivered < 1
    assert coverage(plan, policy_named("fast-reroute"), cases).tallies[Kind.SPAN].delivered == 1
