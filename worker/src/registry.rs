//! The one visible list: which kinds of jobs a worker runs. A new kind is one line here.

use graphmill_pipeline::{
    Pipeline,
    kinds::{DeleteDocument, EmbedDocument, ExtractGraph, FinalizeDocument, ProcessDocument},
};
use graphmill_queue::runtime::WorkerBuilder;

/// Registers every kind. Its queue is named beside it; `worker.queues` in the configuration says who serves which.
pub fn register(builder: WorkerBuilder<Pipeline>) -> WorkerBuilder<Pipeline> {
    builder
        .register::<ProcessDocument>() // documents
        .register::<EmbedDocument>() // embedding
        .register::<ExtractGraph>() // graph
        .register::<FinalizeDocument>() // control
        .register::<DeleteDocument>() // control
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use graphmill_config::Config;
    use graphmill_queue::Job;

    use super::*;

    #[test]
    fn every_kind_waits_in_a_queue_that_the_default_configuration_serves() {
        let config = Config::defaults();
        let served: BTreeSet<&str> = config
            .worker
            .served_queues()
            .map(|(queue, _)| queue)
            .collect();
        for queue in [
            ProcessDocument::QUEUE,
            EmbedDocument::QUEUE,
            ExtractGraph::QUEUE,
            FinalizeDocument::QUEUE,
            DeleteDocument::QUEUE,
        ] {
            assert!(served.contains(queue), "{queue} is served by nobody");
        }
    }
}
