//! Whose keys these are. Two systems on one server with the same prefix would run each other's jobs, on data that the other
//! does not have.

use redis::RedisError;

use super::{
    address::Address,
    finding::Finding,
    keys,
    link::{Connection, Connector, RESPONSE_TIMEOUT},
    reply,
};

/// Takes the keys behind `url` and `prefix` for the system `owner`, unless another has them: that is the finding. A server
/// that does not answer is for [`super::doctor::examine`] to tell; then nothing is taken.
///
/// A server that was emptied belongs to nobody until the next start.
pub async fn claim(url: &str, prefix: &str, owner: &str) -> Option<Finding> {
    let connector = Connector::new(Address::parse(url).ok()?).ok()?;
    let mut connection = connector.connect(RESPONSE_TIMEOUT).await.ok()?;
    let key = keys::owner_key(prefix);
    let holder = take(&mut connection, &key, owner).await.ok()?;
    (holder != owner).then(|| {
        Finding::error(
            "redis.owner",
            format!("the keys `{prefix}:…` belong to another system ({holder}), with another data folder"),
            format!(
                "set `redis.prefix` to a name that no other system has, or `data_dir` to that system's; if it is gone for good: `redis-cli DEL {key}`"
            ),
        )
    })
}

async fn take(connection: &mut Connection, key: &str, owner: &str) -> Result<String, RedisError> {
    let mut set = redis::cmd("SET");
    set.arg(key).arg(owner).arg("NX");
    connection.call(&set).await?;
    let mut get = redis::cmd("GET");
    get.arg(key);
    let holder = connection.call(&get).await?;
    // It was deleted in between: nobody else has it.
    Ok(reply::text(holder).unwrap_or_else(|_| owner.to_owned()))
}
