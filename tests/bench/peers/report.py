"""Medians over the runs, and the two tables: the figures, and how they compare."""

import statistics

# Key, heading, digits after the point, and whether more is better.
ROWS = [
    ("drain_per_s", "drain, 1 worker, jobs/s", 0, True),
    ("drain_2_workers_per_s", "drain, 2 workers, jobs/s", 0, True),
    ("drain_rtt_per_s", "drain at {rtt:.2f} ms added round trip, jobs/s", 0, True),
    ("cpu_us_per_job.worker", "CPU of the worker, µs/job", 1, False),
    ("cpu_us_per_job.redis", "CPU of Redis, µs/job", 1, False),
    ("submit_one_per_s", "submit one by one, best way, jobs/s", 0, True),
    ("submit_serial_per_s", "submit one after the other, jobs/s", 0, True),
    ("submit_bulk_per_s", "submit in bulk, jobs/s", 0, True),
    ("latency_ms.p50", "enqueue → start at 100 jobs/s, p50 ms", 2, False),
    ("latency_ms.p99", "enqueue → start at 100 jobs/s, p99 ms", 2, False),
    ("idle_commands_per_s", "Redis commands of an idle worker, 1/s", 1, False),
    ("rss_mb", "RSS of an idle worker, MB", 1, False),
    ("redis_bytes_per_job", "Redis bytes per queued job", 0, False),
]


def flat(result):
    """`{"a": {"b": 1}}` as `{"a.b": 1}`, numbers only."""
    found = {}
    for key, value in result.items():
        if isinstance(value, dict):
            found |= {f"{key}.{inner}": number for inner, number in flat(value).items()}
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[key] = value
    return found


def medians(runs):
    """For each peer the median of each figure over the runs that have it."""
    values = {}
    for run in runs:
        for peer, result in run.items():
            for key, number in flat(result).items():
                values.setdefault(peer, {}).setdefault(key, []).append(number)
    return {peer: {key: statistics.median(list_) for key, list_ in found.items()} for peer, found in values.items()}


def _table(heads, rows):
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ratio(ours, theirs, more):
    over, under = (ours, theirs) if more else (theirs, ours)
    return f"{over / under:.2f}" if under > 0 else "–"


def markdown(report):
    peers = list(report["medians"])
    machine, settings = report["machine"], report["settings"]
    rows, ratios = [], []
    for key, heading, digits, more in ROWS:
        values = {peer: found[key] for peer, found in report["medians"].items() if key in found}
        if not values:
            continue
        heading = heading.format(rtt=settings["rtt_ms"] or 0)
        rows.append([heading, *(f"{values[peer]:,.{digits}f}" if peer in values else "–" for peer in peers)])
        base = "ours" if "ours" in peers else (max if more else min)(values, key=values.get)
        cells = [
            "–" if not {peer, base} <= values.keys() else _ratio(values[base], values[peer], more) for peer in peers
        ]
        ratios.append([heading, *cells])
    best = "ours" if "ours" in peers else "the best"
    others = [result["foreign_cores"] for run in report["runs"] for result in run.values() if "foreign_cores" in result]
    busy = f"; others used up to {max(others):.2f} cores during the drains" if others else ""
    text = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, kernel {machine['kernel']}, "
        f"Redis {machine['redis']} without persistence, Python {machine['python']}, Node {machine['node']}. "
        f"Medians of {settings['runs']} interleaved runs, {settings['jobs']:,} jobs (slow peers fewer). "
        f"Load before the first: {machine['load_before']}{busy}.",
        _table(["", *peers], rows),
        f"How many times {best} is better than each; above 1 is better for {best}, be the figure a rate or a cost:",
        _table(["", *peers], ratios),
    ]
    failures = [
        f"- run {number + 1}, {peer}, {figure}: {message}"
        for number, run in enumerate(report["runs"])
        for peer, result in run.items()
        for figure, message in result.get("errors", {}).items()
    ]
    if failures:
        text += ["Failed:", "\n".join(failures)]
    return "\n\n".join(text) + "\n"
