//! Where Redis is: one server, a set watched by Sentinel, or a Cluster.

use redis::{ConnectionInfo, IntoConnectionInfo, cluster::ClusterClient, sentinel::SentinelClient};

use crate::{Error, Result};

/// What a URL says.
#[derive(Debug, Clone)]
pub(super) enum Address {
    /// `redis://user:password@host:6379/0`, `rediss://` with TLS, `redis+unix:///path`.
    Single(ConnectionInfo),
    /// `redis+sentinel://user:password@host:26379,host:26379/master/0`, `rediss+sentinel://` with TLS.
    Sentinel {
        nodes: Vec<ConnectionInfo>,
        master: String,
        database: i64,
        tls: bool,
    },
    /// `redis-cluster://user:password@host:6379,host:6379`, `rediss-cluster://` with TLS.
    Cluster(Vec<ConnectionInfo>),
}

const FORMS: &str = "redis://host:6379/0, rediss://… (TLS), redis+unix:///path/to/socket, \
    redis+sentinel://host:26379,host:26379/master/0, redis-cluster://host:6379,host:6379; \
    each with user:password@ before the hosts where the server asks for them";

fn invalid(why: &str) -> Error {
    // The URL itself may hold a password, so it is not repeated.
    Error::Invalid(format!("redis.url {why}; expected one of {FORMS}"))
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the forms that are understood; the URL is not repeated, as it may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| invalid("has no scheme"))?;
        match scheme {
            "redis" | "rediss" | "redis+unix" | "unix" => Ok(Self::Single(info(url)?)),
            "redis+sentinel" | "rediss+sentinel" => {
                let tls = scheme == "rediss+sentinel";
                let (hosts, path) = rest
                    .split_once('/')
                    .ok_or_else(|| invalid("names no master after the sentinels"))?;
                let (master, database) = path.split_once('/').unwrap_or((path, "0"));
                if master.is_empty() {
                    return Err(invalid("names no master after the sentinels"));
                }
                Ok(Self::Sentinel {
                    nodes: nodes(hosts, false)?,
                    master: master.to_owned(),
                    database: database
                        .parse()
                        .map_err(|_| invalid("has a database that is not a number"))?,
                    tls,
                })
            }
            "redis-cluster" | "rediss-cluster" => {
                let hosts = rest.trim_end_matches('/');
                Ok(Self::Cluster(nodes(hosts, scheme == "rediss-cluster")?))
            }
            other => Err(invalid(&format!("has the unknown scheme `{other}`"))),
        }
    }

    pub(super) fn sentinel_client(
        nodes: &[ConnectionInfo],
        master: &str,
        database: i64,
        tls: bool,
    ) -> redis::RedisResult<SentinelClient> {
        let settings = nodes.first().map(ConnectionInfo::redis_settings);
        let mut node = redis::sentinel::SentinelNodeConnectionInfo::default();
        if tls {
            node = node.set_tls_mode(redis::TlsMode::Secure);
        }
        let mut redis_settings = redis::RedisConnectionInfo::default().set_db(database);
        if let Some(user) = settings.and_then(redis::RedisConnectionInfo::username) {
            redis_settings = redis_settings.set_username(user);
        }
        if let Some(password) = settings.and_then(redis::RedisConnectionInfo::password) {
            redis_settings = redis_settings.set_password(password);
        }
        // The sentinels themselves are asked without a password; the master gets it.
        let sentinels: Vec<ConnectionInfo> = nodes
            .iter()
            .map(|node| {
                node.clone()
                    .set_redis_settings(redis::RedisConnectionInfo::default())
            })
            .collect();
        SentinelClient::build(
            sentinels,
            master,
            Some(node.set_redis_connection_info(redis_settings)),
            redis::sentinel::SentinelServerType::Master,
        )
    }

    pub(super) fn cluster_client(
        nodes: &[ConnectionInfo],
        response_timeout: std::time::Duration,
    ) -> redis::RedisResult<ClusterClient> {
        ClusterClient::builder(nodes.to_vec())
            .connection_timeout(super::link::CONNECT_TIMEOUT)
            .response_timeout(response_timeout)
            .build()
    }
}

fn nodes(hosts: &str, tls: bool) -> Result<Vec<ConnectionInfo>> {
    let (user, hosts) = match hosts.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), hosts),
    };
    let scheme = if tls { "rediss" } else { "redis" };
    hosts
        .split(',')
        .map(|host| info(&format!("{scheme}://{user}{host}")))
        .collect()
}

fn info(url: &str) -> Result<ConnectionInfo> {
    url.into_connection_info().map_err(|error| {
        invalid(&format!(
            "cannot be read ({})",
            error.detail().unwrap_or("malformed")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood() {
        assert!(matches!(
            Address::parse("redis://:secret@127.0.0.1:6379/3"),
            Ok(Address::Single(info)) if info.redis_settings().db() == 3
        ));
        assert!(matches!(
            Address::parse("rediss://user:secret@redis.example"),
            Ok(Address::Single(_))
        ));
        match Address::parse("redis+sentinel://user:secret@a:1,b:2/mymaster/4") {
            Ok(Address::Sentinel {
                nodes,
                master,
                database,
                tls,
            }) => {
                assert_eq!((nodes.len(), master.as_str(), database), (2, "mymaster", 4));
                assert!(!tls);
                assert_eq!(nodes[1].redis_settings().password(), Some("secret"));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            Address::parse("redis-cluster://a:1,b:2,c:3"),
            Ok(Address::Cluster(nodes)) if nodes.len() == 3
        ));
    }

    #[test]
    fn a_wrong_url_says_what_is_right_and_keeps_the_password() {
        for url in [
            "localhost:6379",
            "http://u:secret@localhost",
            "redis+sentinel://u:secret@a:1",
            "redis+sentinel://u:secret@a:1/m/x",
            "redis://u:secret@host:port",
        ] {
            let message = Address::parse(url).unwrap_err().to_string();
            assert!(message.contains("redis://host:6379/0"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
