"""Measures the splitters in rounds and prints what they did. Called by `run`, in the environment of the peers."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tiktoken

from splitters import ENCODING, OVERLAP, PEERS, SIZE

OURS = {
    "graphmill, warm": "mb_per_s_1_threads",
    "graphmill, new thread": "mb_per_s_cold_1_threads",
    "graphmill, 2 threads, warm": "mb_per_s_2_threads",
    "graphmill, 2 new threads": "mb_per_s_cold_2_threads",
    "graphmill, one document, warm": "mb_per_s_one_document_1_threads",
    "graphmill, one document, 2 threads, warm": "mb_per_s_one_document_2_threads",
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--ours", required=True, help="the program bench_chunk")
    add("--rounds", type=int, default=5)
    add("--only", default="")
    add("--json", type=Path)
    add("texts", nargs="+", type=Path)
    return parser.parse_args()


def count(encoding, text):
    return len(encoding.encode_ordinary(text))


def verdict(encoding, chunks):
    """Whether the sizes are right: as said where they are said, else at most the limit."""
    wrong = large = said = 0
    for chunk in chunks:
        text, tokens = chunk if isinstance(chunk, tuple) else (chunk, None)
        true = count(encoding, text)
        large += true > SIZE
        if tokens is not None:
            said += 1
            wrong += tokens != true
    if wrong or large:
        return f"no: {wrong} of {len(chunks)} wrong, {large} too large"
    return "yes" if said else "yes (≤ 512)"


def ours(program, file, runs):
    options = ["--target", str(SIZE), "--overlap", str(OVERLAP), "--runs", str(runs)]
    done = subprocess.run([program, *options, file], check=True, capture_output=True)
    return json.loads(done.stdout)


def our_chunks(program, file):
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as dump:
        options = ["--target", str(SIZE), "--overlap", str(OVERLAP), "--runs", "1", "--dump", dump.name]
        subprocess.run([program, *options, file], check=True, capture_output=True)
        return [(chunk["text"], chunk["tokens"]) for chunk in map(json.loads, dump)]


def measure(options, file, encoding):
    documents = file.read_text("utf-8").split("\f")
    megabytes = sum(len(document.encode()) for document in documents) / 1e6
    only = [name for name in options.only.split(",") if name]
    peers = [peer for peer in PEERS if not only or peer.name.split()[0] in only]
    rates, rows = {name: [] for name in OURS}, {}
    chunks = our_chunks(options.ours, file)
    for name in OURS:
        rows[name] = ["heading, paragraph, sentence, clause, word", verdict(encoding, chunks), len(chunks)]
    splits = {}
    for peer in peers:
        try:
            splits[peer.name] = peer.make()
            chunks = [chunk for document in documents for chunk in splits[peer.name](document)]
        except Exception as error:  # a peer that does not work here is a line in the table
            print(f"{peer.name}: {type(error).__name__}: {error}", file=sys.stderr)
            splits.pop(peer.name, None)
            continue
        rates[peer.name] = []
        rows[peer.name] = [peer.boundaries, verdict(encoding, chunks), len(chunks)]
    for _ in range(options.rounds):
        figures = ours(options.ours, file, 5)
        for name, key in OURS.items():
            rates[name].append(figures[key])
        for name, split in splits.items():
            begun = time.perf_counter()
            for document in documents:
                split(document)
            rates[name].append(megabytes / (time.perf_counter() - begun))
    return len(documents), megabytes, rates, rows


def table(rates, rows):
    middle = {name: statistics.median(found) for name, found in rates.items() if found}
    lines = ["| splitter | MB/s | chunks | exact | ends at | graphmill (warm) is | graphmill (new thread) is |"]
    lines.append("|---|--:|--:|---|---|--:|--:|")
    for name, rate in sorted(middle.items(), key=lambda pair: -pair[1]):
        boundaries, exact, chunks = rows[name]
        ratios = ["", ""]
        if name not in OURS:
            ratios = [f"{middle[ours] / rate:.1f} ×" for ours in list(OURS)[:2]]
        lines.append(f"| {name} | {rate:.2f} | {chunks} | {exact} | {boundaries} | {' | '.join(ratios)} |")
    return "\n".join(lines), middle


def summary(middle, rows):
    # A peer that has the sizes of these very texts in memory counts nothing; it is in the table only.
    exact = {
        name: rate
        for name, rate in middle.items()
        if name not in OURS and "remembers" not in name and rows[name][1].startswith("yes")
    }
    if not exact:
        return "No peer to compare with."
    fastest = max(exact, key=exact.get)
    warm, cold, two, two_cold, one, one_two = (middle[name] for name in OURS)
    return (
        f"Fastest exact peer: {fastest}, {exact[fastest]:.2f} MB/s; graphmill on one thread is "
        f"{warm / exact[fastest]:.1f} × that warm, {cold / exact[fastest]:.1f} × on a new thread. Two threads by one: "
        f"{two / warm:.2f} × (many documents), {one_two / one:.2f} × (one document)."
    )


def main():
    options = arguments()
    encoding = tiktoken.get_encoding(ENCODING)
    load = os.getloadavg()[0]
    report = {}
    print(f"Chunks of {SIZE} tokens ({ENCODING}) with {OVERLAP} of overlap; medians of {options.rounds} rounds.\n")
    for file in options.texts:
        documents, megabytes, rates, rows = measure(options, file, encoding)
        lines, middle = table(rates, rows)
        print(f"### {file.stem}: {documents} documents, {megabytes:.2f} MB\n\n{lines}\n\n{summary(middle, rows)}\n")
        report[file.stem] = {"rates": rates, "rows": rows}
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before, {os.getloadavg()[0]:.1f} after.")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
