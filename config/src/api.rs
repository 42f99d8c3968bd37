//! `[api]`: the HTTP API and its clients.

use std::{net::SocketAddr, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use crate::units;

/// The HTTP API and its clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// Address the HTTP API listens on; port 0 takes a free one.
    #[serde(with = "units::socket")]
    pub listen: SocketAddr,
    /// Where clients find the API, without a slash at its end.
    pub url: String,
    /// Time limit of a client call that does not wait on purpose.
    #[serde(with = "units::duration")]
    pub client_timeout: Duration,
    /// The largest document, and so the largest request body.
    #[serde(with = "units::size")]
    pub max_document_size: ByteSize,
    /// The largest JSON body of every other request.
    #[serde(with = "units::size")]
    pub max_json_size: ByteSize,
    /// The largest text field of an upload form, and the largest metadata of a document, as JSON.
    #[serde(with = "units::size")]
    pub max_field_size: ByteSize,
    /// How long a request may take that carries no document.
    #[serde(with = "units::duration")]
    pub request_timeout: Duration,
    /// How long the store, the broker and the blobs each have to answer the readiness check.
    #[serde(with = "units::duration")]
    pub ready_timeout: Duration,
    /// How long an open request may take after a shutdown was asked for.
    #[serde(with = "units::duration")]
    pub shutdown_grace: Duration,
    /// The largest page of a list.
    #[serde(with = "units::whole")]
    pub max_page: usize,
    /// The longest question, in characters.
    #[serde(with = "units::whole")]
    pub max_query_characters: usize,
    /// The most results of an answer.
    #[serde(with = "units::whole")]
    pub max_results: usize,
    /// Submits are refused while more jobs than this wait.
    #[serde(with = "units::whole")]
    pub max_waiting_jobs: u64,
}
