//! The application's job kinds: one file a kind, with its payload and its handler.
