//! Every setting of graphmill, from the embedded `default.toml` through a file, the environment and flags.
