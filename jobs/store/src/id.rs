//! Identifiers of the knowledge base.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Returns a new id that sorts after every earlier one.
            #[must_use]
            #[expect(clippy::new_without_default, reason = "a default id would suggest a nil id")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Returns the id as a UUID.
            pub fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// Identifies a document over all its versions: a UUIDv7.
    DocumentId
}
uuid_id! {
    /// Identifies one version of a document: a UUIDv7, so a newer version has a larger id.
    VersionId
}

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Derives the id from what it names: 128 bits of BLAKE3 over the length-prefixed parts, as hex.
            pub fn derive(parts: &[&str]) -> Self {
                let mut hasher = blake3::Hasher::new();
                for part in parts {
                    hasher.update(&(part.len() as u64).to_le_bytes());
                    hasher.update(part.as_bytes());
                }
                Self(hasher.finalize().to_hex()[..32].to_owned())
            }

            /// Takes an id as it is stored.
            pub fn from_stored(id: String) -> Self {
                Self(id)
            }

            /// Returns the hex text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

hash_id! {
    /// Identifies a chunk by (document, heading path, text, how many equal ones come before): an edit elsewhere in the
    /// document leaves it as it is.
    ChunkId
}
hash_id! {
    /// Identifies an entity by (tenant, normal form).
    EntityId
}
hash_id! {
    /// Identifies a relation by (source, target) entity.
    RelationId
}
