//! The brokers, ledgers and schedule stores of `graphmill-queue` do what each of them must, on real servers that the tests
//! start: one file a store in `tests/`. What that is, is written once, in `graphmill_queue::conformance`.
