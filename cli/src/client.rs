//! The HTTP API as functions. Every call that does not wait on purpose is bounded by `api.client_timeout`.

use std::{path::Path, time::Duration};

use graphmill_config::Config;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use crate::{
    args::QueryMode,
    views::{LookedUp, Page, Uploaded},
};

/// Ids in one lookup; the API's bound.
pub(crate) const LOOKUP_BATCH: usize = 1000;
/// An upload that is slower than this is given up: the connection is as good as dead.
const SLOWEST_UPLOAD_BYTES_PER_S: u64 = 256 * 1024;
/// Time that an upload has on top of its size: the bytes are flushed to disk, perhaps behind others.
const UPLOAD_GRACE: Duration = Duration::from_mins(1);
/// An import that takes longer is given up.
const LONGEST_IMPORT: Duration = Duration::from_hours(24);
/// Characters of an answer that is no JSON which an error repeats.
const SHOWN_ANSWER: usize = 200;

/// Why a call gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// Nobody listens, or the connection broke.
    #[error("cannot reach the API at {url}")]
    Unreachable {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    /// Somebody listens, but does not answer in time.
    #[error("the API at {url} did not answer within {} s", limit.as_secs_f64())]
    Timeout { url: String, limit: Duration },
    /// The API refused; `code` is stable.
    #[error("{code}: {detail}")]
    Problem {
        status: u16,
        code: String,
        detail: String,
        retry_after: Option<Duration>,
    },
    /// The answer is not one of a graphmill API.
    #[error("{url} gave an answer that is not understood: {what}")]
    Protocol { url: String, what: String },
    /// The address is none.
    #[error("`{url}` is not a URL")]
    BadUrl { url: String },
}

impl ClientError {
    /// Whether the same call may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::Problem {
                    status: 503 | 429,
                    ..
                }
        )
    }

    /// Returns the wait that the API asked for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// An answer as it came and as text output needs it.
pub(crate) struct Reply<T> {
    /// For JSON output.
    pub(crate) raw: Value,
    /// For people.
    pub(crate) view: T,
}

/// A connection to one API. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    timeout: Duration,
}

/// The body of an error: RFC 9457, as far as it is shown.
#[derive(Deserialize)]
struct ProblemBody {
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    title: String,
}

impl Client {
    /// A client of the API at `api.url`.
    pub(crate) fn new(config: &Config) -> anyhow::Result<Self> {
        Self::at(config.api.url.clone(), config.api.client_timeout)
    }

    /// A client of the API at `base`, without a slash at its end.
    pub(crate) fn at(base: String, timeout: Duration) -> anyhow::Result<Self> {
        // Proxies of the environment are for the world outside, and `localhost` must not go through one.
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(timeout)
            .build()?;
        Ok(Self {
            http,
            base,
            timeout,
        })
    }

    /// Returns the address of the API.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Fetches `path`, which begins with a slash, with a query of those pairs that have a value.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<Reply<T>, ClientError> {
        let pairs: Vec<_> = query
            .iter()
            .filter_map(|(name, value)| Some((*name, (*value)?)))
            .collect();
        self.call(self.request(Method::GET, path).query(&pairs), self.timeout)
            .await
    }

    /// Posts a JSON body.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Reply<T>, ClientError> {
        self.call(self.request(Method::POST, path).json(body), self.timeout)
            .await
    }

    /// Puts a JSON body.
    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Reply<T>, ClientError> {
        self.call(self.request(Method::PUT, path).json(body), self.timeout)
            .await
    }

    /// Fetches an answer that comes bit by bit and may take for ever; only its beginning is bounded.
    pub(crate) async fn stream(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<Response, ClientError> {
        let pairs: Vec<_> = query
            .iter()
            .filter_map(|(name, value)| Some((*name, (*value)?)))
            .collect();
        let request = self.request(Method::GET, path).query(&pairs).send();
        let response = match tokio::time::timeout(self.timeout, request).await {
            Ok(response) => response.map_err(|error| self.no_answer(error, self.timeout))?,
            Err(_) => {
                return Err(ClientError::Timeout {
                    url: self.base.clone(),
                    limit: self.timeout,
                });
            }
        };
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, retry_after) = (response.status(), retry_after(&response));
        let body = response.bytes().await;
        let body = body.map_err(|error| self.no_answer(error, self.timeout))?;
        Err(self.refusal(status, retry_after, &body))
    }

    /// Sends NDJSON as a stream. It takes what it takes: the answer comes when the last line has been read.
    pub(crate) async fn send_lines<T: DeserializeOwned>(
        &self,
        path: &str,
        lines: impl AsyncRead + Send + Sync + 'static,
    ) -> Result<Reply<T>, ClientError> {
        let request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(reqwest::Body::wrap_stream(ReaderStream::new(lines)));
        self.call(request, LONGEST_IMPORT).await
    }

    /// Deletes what `path` names.
    pub(crate) async fn delete<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Reply<T>, ClientError> {
        self.call(self.request(Method::DELETE, path), self.timeout)
            .await
    }

    /// Checks that an API answers.
    pub(crate) async fn ping(&self) -> Result<(), ClientError> {
        self.get::<Value>("/health/live", &[]).await.map(drop)
    }

    /// Uploads a file as a stream. Repeating it is safe: the source and the bytes are its identity.
    ///
    /// # Errors
    /// The outer error is of the file, the inner one of the call.
    pub(crate) async fn upload(
        &self,
        path: &Path,
        title: &str,
        source: &str,
    ) -> std::io::Result<Result<Uploaded, ClientError>> {
        let file = tokio::fs::File::open(path).await?;
        let bytes = file.metadata().await?.len();
        let limit =
            self.timeout + UPLOAD_GRACE + Duration::from_secs(bytes / SLOWEST_UPLOAD_BYTES_PER_S);
        let mut fields = vec![("title", title), ("source", source)];
        // A hint: it names what a damaged container was meant to be. The bytes decide.
        if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
            fields.push(("file_type", extension));
        }
        let request = self
            .request(Method::POST, "/api/documents")
            .query(&fields)
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, bytes)
            .body(reqwest::Body::wrap_stream(ReaderStream::new(file)));
        Ok(self.call(request, limit).await.map(|reply| reply.view))
    }

    /// Looks up at most [`LOOKUP_BATCH`] documents; unknown ones are missing from the answer.
    pub(crate) async fn lookup(&self, ids: &[String]) -> Result<Vec<LookedUp>, ClientError> {
        let reply = self
            .post::<Lookup>("/api/documents/lookup", &json!({ "ids": ids }))
            .await?;
        Ok(reply.view.items)
    }

    /// Searches.
    pub(crate) async fn query<T: DeserializeOwned>(
        &self,
        text: &str,
        mode: QueryMode,
        limit: u32,
    ) -> Result<Reply<T>, ClientError> {
        self.post(
            "/api/query",
            &json!({ "query": text, "mode": mode, "limit": limit }),
        )
        .await
    }

    /// Fetches a list, page by page, until it ends or has `limit` items. The raw answer has all items and the cursor
    /// of what was left out.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        filters: &[(&str, Option<&str>)],
        limit: usize,
    ) -> Result<Reply<Vec<T>>, ClientError> {
        /// Rows in one request.
        const PAGE: usize = 500;
        let (mut view, mut raw, mut cursor) = (Vec::new(), Vec::new(), None::<String>);
        while view.len() < limit {
            let wanted = (limit - view.len()).min(PAGE).to_string();
            let mut query = filters.to_vec();
            query.extend([
                ("limit", Some(wanted.as_str())),
                ("cursor", cursor.as_deref()),
            ]);
            let mut reply = self.get::<Page<T>>(path, &query).await?;
            if let Some(Value::Array(items)) = reply.raw.get_mut("items").map(Value::take) {
                raw.extend(items);
            }
            let empty = reply.view.items.is_empty();
            view.extend(reply.view.items);
            cursor = reply.view.next_cursor;
            if cursor.is_none() || empty {
                break;
            }
        }
        Ok(Reply {
            raw: json!({ "items": raw, "next_cursor": cursor }),
            view,
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        limit: Duration,
    ) -> Result<Reply<T>, ClientError> {
        let response = request
            .timeout(limit)
            .send()
            .await
            .map_err(|error| self.no_answer(error, limit))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let body = response
            .bytes()
            .await
            .map_err(|error| self.no_answer(error, limit))?;
        if !status.is_success() {
            return Err(self.refusal(status, retry_after, &body));
        }
        let protocol = |what: String| ClientError::Protocol {
            url: self.base.clone(),
            what,
        };
        let raw: Value = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body)
                .map_err(|error| protocol(format!("{error} in {}", shown(&body))))?
        };
        let view = T::deserialize(&raw).map_err(|error| protocol(error.to_string()))?;
        Ok(Reply { raw, view })
    }

    fn no_answer(&self, error: reqwest::Error, limit: Duration) -> ClientError {
        let url = self.base.clone();
        if error.is_builder() {
            ClientError::BadUrl { url }
        } else if error.is_timeout() && !error.is_connect() {
            ClientError::Timeout { url, limit }
        } else {
            ClientError::Unreachable {
                url,
                source: error.without_url(),
            }
        }
    }

    fn refusal(
        &self,
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
    ) -> ClientError {
        match serde_json::from_slice::<ProblemBody>(body) {
            Ok(problem) => ClientError::Problem {
                status: status.as_u16(),
                code: problem.code,
                detail: if problem.detail.is_empty() {
                    problem.title
                } else {
                    problem.detail
                },
                retry_after,
            },
            Err(_) => ClientError::Protocol {
                url: self.base.clone(),
                what: format!("{status}, {}", shown(body)),
            },
        }
    }
}

#[derive(Deserialize)]
struct Lookup {
    items: Vec<LookedUp>,
}

fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    value.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

fn shown(body: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(body)
        .chars()
        .take(SHOWN_ANSWER)
        .collect();
    format!("`{}`", text.trim())
}
