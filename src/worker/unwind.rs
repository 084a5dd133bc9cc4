//! A panic is turned into a value, so that the job it hit is answered.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// The future panicked; what it said went to standard error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Panicked;

/// Runs `future` to its end, or to its panic.
pub(super) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    // After a panic the future is dropped and nothing that it held is looked at again.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_value_and_anything_else_passes() {
        assert_eq!(caught(async { 1 }).await, Ok(1));
        let dies = async {
            tokio::task::yield_now().await;
            panic!("as this test wants it");
        };
        assert_eq!(caught(dies).await, Err::<(), _>(Panicked));
    }
}
