"""Inference: servers of models, tools and weights, and the load on them."""

from __future__ import annotations

from dataclasses import dataclass

from traffic.describe.process import Process


@dataclass(frozen=True, kw_only=True)
class InferenceServer(Process):
    """The model of an inference server; `weights_from` is a store's HOST:PORT."""

    program = "inference"
    role = "serve"

    port: int
    bind: str | None = None
    dscp: int = 0
    slots: int = 8
    prefill_ms: float = 20.0
    prefill_per_token_ms: float = 0.05
    decode_ms: float = 20.0
    decode_per_request_ms: float = 0.0
    prefill: str = "separate"
    chunk_tokens: int = 512
    kv_tokens: int | None = None
    queue: int | None = None
    token_bytes: int = 128
    weights_from: str | None = None
    weights_bytes: int | None = None
    weights_after_s: float = 0.0
    connections: int = 4


@dataclass(frozen=True, kw_only=True)
class ToolServer(Process):
    """A server that agents call between two answers of the model."""

    program = "inference"
    role = "tool"

    port: int
    bind: str | None = None
    dscp: int = 0
    slots: int = 8
    tool_ms: float = 50.0
    answer_bytes: int = 4096


@dataclass(frozen=True, kw_only=True)
class WeightStore(Process):
    """Where inference servers fetch their model's weights."""

    program = "inference"
    role = "store"

    port: int
    bind: str | None = None
    dscp: int = 0


@dataclass(frozen=True, kw_only=True)
class InferenceLoad(Process):
    """Open-loop requests to the first of `servers` that answers.

    They come from the list `requests`, or at random times at `rate_rps`. Token counts are `N` or
    `lognormal:MEDIAN:SIGMA[:MAX]`.
    """

    program = "inference"
    role = "load"

    servers: tuple[str, ...]
    requests: str | None = None
    rate_rps: float | None = None
    arrival_cv: float = 1.0
    prompt_tokens: str = "512"
    answer_tokens: str = "64"
    tools: tuple[str, ...] | None = None
    agent_share: float = 0.0
    agent_calls: str = "1:3"
    tool_call_tokens: int = 50
    tool_result_tokens: int = 500
    tool_request_bytes: int = 1024
    bytes_per_token: int = 4
    connections: str = "pool"
    warm: int = 4
    timeout_s: float = 10.0
    failover_ms: float = 1000.0
    drain_s: float = 10.0
    dscp: int = 0
    seed: int = 0
