//! `graphmill workers`

use serde::Deserialize;

use super::Context;
use crate::{
    failure::Exit,
    table::{Table, fixed, number, text},
};

#[derive(Debug, Deserialize)]
struct List {
    items: Vec<Worker>,
}

#[derive(Debug, Deserialize)]
struct Worker {
    id: String,
    host: String,
    pid: u32,
    version: String,
    queues: Vec<WorkerQueue>,
    rss_bytes: Option<u64>,
    last_fetch_at: Option<String>,
    draining: bool,
}

#[derive(Debug, Deserialize)]
struct WorkerQueue {
    queue: String,
    slots: u64,
    busy: u64,
}

pub(crate) async fn run(context: &Context) -> anyhow::Result<Exit> {
    let client = context.client()?;
    let reply = client.get::<List>("/api/workers", &[]).await?;
    context.output.data(&reply.raw, || {
        if reply.view.items.is_empty() {
            return "no worker is alive".to_owned();
        }
        let mut table = Table::new([
            fixed("WORKER"),
            fixed("HOST"),
            number("PID"),
            fixed("VERSION"),
            text("QUEUES (BUSY/SLOTS)"),
            number("RSS"),
            fixed("LAST FETCH"),
            fixed(""),
        ]);
        for worker in &reply.view.items {
            let queues: Vec<_> = worker
                .queues
                .iter()
                .map(|queue| format!("{} {}/{}", queue.queue, queue.busy, queue.slots))
                .collect();
            let rss = worker.rss_bytes;
            table.row([
                worker.id.clone(),
                worker.host.clone(),
                worker.pid.to_string(),
                worker.version.clone(),
                queues.join(", "),
                rss.map(|bytes| format!("{} MB", bytes / 1_000_000))
                    .unwrap_or_default(),
                worker.last_fetch_at.clone().unwrap_or_default(),
                if worker.draining { "draining" } else { "" }.to_owned(),
            ]);
        }
        table.render(context.output.width())
    })?;
    Ok(Exit::Success)
}
