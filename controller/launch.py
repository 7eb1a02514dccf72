"""Start the controller, or any Ryu application, unchanged, in the same way.

  python -m controller.launch --plan plan.json --policy fast-reroute --events events.jsonl
  python -m controller.launch --app ryu.app.simple_switch_stp_13

Ends with 0 on SIGTERM or SIGINT, with 2 if it cannot start as told.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from controller.health import Timers

_WATCH = "controller.bridge_watch"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop. Returns the exit code."""
    options = _parser().parse_args(arguments)
    # All else is imported after eventlet has replaced the standard library's
    # blocking parts, so that nobody keeps hold of the old ones.
    _prepare_eventlet()
    from controller import startup  # noqa: PLC0415

    if options.policy:
        problems = startup.policy_problems(
            options.plan, options.events, options.policy, options.protection
        )
    else:
        problems = startup.app_problems(options.app)
    problems += startup.timer_problems(_timers(options))
    problems += startup.address_problems(options.listen, options.port)
    problems = problems or startup.file_problems(options.events)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 2 if problems else _run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m controller.launch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--policy", help="how the network is healed")
    what.add_argument("--app", action="append", help="run this Ryu application instead")
    parser.add_argument("--plan", type=Path, help="the network's plan (JSON); a policy needs it")
    parser.add_argument("--events", type=Path, help="file for events, one JSON object per line")
    parser.add_argument("--protection", help="conduit or link; default: the policy's own")
    parser.add_argument("--listen", default="127.0.0.1", help="address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=6653, help="TCP port (default: %(default)s)")
    parser.add_argument(
        "--start-up-s",
        type=float,
        default=10.0,
        help="what has not appeared by then is missing (default: %(default)s)",
    )
    parser.add_argument(
        "--inspect-port",
        type=int,
        help="answer `python -m controller.ask` at this port of 127.0.0.1",
    )
    for timer in fields(Timers):
        option = "--" + timer.name.replace("_", "-")
        text = f"see docs/reference/controller.md (default: {timer.default})"
        parser.add_argument(option, type=float, dest=timer.name, help=text)
    return parser


def _timers(options: argparse.Namespace) -> dict[str, float]:
    given = {timer.name: getattr(options, timer.name) for timer in fields(Timers)}
    return {name: value for name, value in given.items() if value is not None}


def _prepare_eventlet() -> None:
    """Ryu 4.34 with today's eventlet: patch first, and give back a name that is gone."""
    warnings.filterwarnings("ignore", message="(?s).*Eventlet is deprecated")
    import eventlet  # noqa: PLC0415
    import eventlet.wsgi  # noqa: PLC0415

    eventlet.monkey_patch()
    if not hasattr(eventlet.wsgi, "ALREADY_HANDLED"):
        eventlet.wsgi.ALREADY_HANDLED = []


def _run(options: argparse.Namespace) -> int:
    from controller import app  # noqa: PLC0415

    arguments = ["--ofp-listen-host", options.listen, "--ofp-tcp-listen-port", str(options.port)]
    # Ryu tells each step at its usual level; ours are in the events.
    arguments += ["--default-log-level", "30", "--nouse-syslog"]
    apps = list(options.app or [])
    if options.policy:
        apps += _apps_of(options.policy)
        arguments += ["--fibercut-plan", str(options.plan)]
        arguments += ["--fibercut-policy", options.policy]
        arguments += ["--fibercut-events", str(options.events)]
        arguments += ["--fibercut-start-up-s", str(options.start_up_s)]
        arguments += ["--fibercut-timers", json.dumps(_timers(options))]
        if options.inspect_port:
            arguments += ["--fibercut-inspect-port", str(options.inspect_port)]
        if options.protection:
            arguments += ["--fibercut-protection", options.protection]
    app.serve([*arguments, *apps], options.events, (options.listen, options.port))
    return 0


def _apps_of(policy: str) -> list[str]:
    """The controller, or the foreign application of a policy and one that watches it."""
    from controller import app  # noqa: PLC0415
    from controller.policies import POLICIES  # noqa: PLC0415

    foreign = POLICIES[policy].app
    return [app.APP] if foreign is None else [foreign, _WATCH]


if __name__ == "__main__":
    sys.exit(main())
