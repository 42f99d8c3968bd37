//! A job kind of one's own, run in memory: nothing is installed, and nothing is left behind.

use std::{sync::Arc, time::Duration};

use graphmill_queue::{
    Broker, BrokerOptions, Client, Job, JobContext, Outcome, Worker, clock::SystemClock,
    memory::MemoryBroker,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

#[derive(Serialize, Deserialize)]
struct CountWords {
    text: String,
}

impl Job for CountWords {
    const KIND: &'static str = "text.count_words";
    type Context = ();

    async fn run(self, (): (), job: JobContext) -> Outcome {
        let words = self.text.split_whitespace().count();
        job.progress(1, 1, "counted");
        Outcome::Done(serde_json::json!({ "words": words }))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Jobs that must outlive the process have a `SqliteBroker` here.
    let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new(
        Arc::new(SystemClock),
        BrokerOptions::default(),
    ));
    let text = "jobs that can be trusted, seen and steered".to_owned();
    let verdict = Client::new(broker.clone())
        .submit(CountWords { text })
        .await?;
    let id = verdict
        .id()
        .expect("nothing stands in the way of a new job");

    let stop = CancellationToken::new();
    let worker = Worker::builder(broker.clone())
        .register::<CountWords>()
        .queue(CountWords::QUEUE, 4)
        .build()?;
    let running = tokio::spawn(worker.run(stop.clone()));

    let done = loop {
        match broker.get(id).await? {
            Some(job) if job.state.is_terminal() => break job,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    #[expect(clippy::print_stdout, reason = "an example shows its result")]
    {
        println!("{}: {:?}", done.state, done.result);
    }
    stop.cancel();
    running.await??;
    Ok(())
}
