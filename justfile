# The few commands that people need. `just` lists them.

# Ingests the shipped corpus and asks three questions.
demo:
    cargo run --release -- demo

# API, workers and store in one process on 127.0.0.1:8080.
dev:
    cargo run --release -- dev

# All tests, with what they need installed.
test *ARGS:
    ./test {{ARGS}}

# What must pass before a commit.
check:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings

# The gate.
ci:
    bash .ci/run

# The figures of docs/benchmarks.md (reads ../shared/corpus).
bench:
    bash tests/bench/run

# Licences and advisories of the dependencies (needs cargo-deny).
deny:
    cargo deny check licenses bans sources
