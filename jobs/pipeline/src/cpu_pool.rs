//! CPU-bound work, away from the runtime: one rayon pool for the process.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::sync::oneshot;

/// A pool of threads for parsing, chunking, embedding and extraction. Cheap to clone.
///
/// Handlers await its results, so the runtime's threads stay free for heartbeats and IO however long the work takes.
#[derive(Clone)]
pub struct CpuPool {
    pool: Arc<rayon::ThreadPool>,
}

/// Work that panicked on the pool; the pool itself goes on.
#[derive(Debug, Clone, thiserror::Error)]
#[error("CPU work panicked: {message}")]
pub struct Panicked {
    /// What the panic said.
    pub message: String,
}

impl CpuPool {
    /// Starts a pool of `threads` threads (at least one).
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|index| format!("cpu-{index}"))
            .build()?;
        Ok(Self {
            pool: Arc::new(pool),
        })
    }

    /// Runs `work` on the pool and waits for it; rayon's parallel iterators inside it use the same pool.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop work that has begun.
    ///
    /// # Errors
    /// [`Panicked`] when the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let (sender, receiver) = oneshot::channel();
        self.pool.spawn(move || {
            // The work owns all it touches, so nothing half-changed is seen after a panic.
            let result = catch_unwind(AssertUnwindSafe(work));
            let _ = sender.send(result);
        });
        match receiver.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => Err(Panicked {
                message: panic_message(panic.as_ref()),
            }),
            Err(_) => Err(Panicked {
                message: "the pool is gone".to_owned(),
            }),
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_costs_one_piece_of_work_and_not_the_pool() {
        let pool = CpuPool::new(1).unwrap();
        let error = pool
            .run(|| -> () { panic!("bad input") })
            .await
            .unwrap_err();
        assert_eq!(error.message, "bad input");
        assert_eq!(pool.run(|| 6 * 7).await.unwrap(), 42);
    }
}
