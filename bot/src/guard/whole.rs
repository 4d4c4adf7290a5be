//! Requests that are answered as a whole, or not at all.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use memory::store::StoreError;

use super::Guarded;
use super::blame::{Blamed, Complaint as _};
use super::checkup::Tended;

/// The deadlines that work over all that is remembered of somebody, or of everybody, may take:
/// nobody waits for it to speak, and it would only have to begin anew.
const MANY: u32 = 15;

/// What is on its way from a store.
pub(super) type Answer<'a, R> = BoxFuture<'a, Result<R, StoreError>>;

/// How much is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// Something of a bounded size: one deadline.
    One,
    /// It grows with what is remembered: [`MANY`] deadlines.
    Many,
}

#[expect(
    private_bounds,
    reason = "only this crate makes guards and tends what they guard"
)]
impl<T: Tended<Error = StoreError> + ?Sized> Guarded<T> {
    /// Asks whichever is well, within the deadline.
    pub(super) fn ask<'a, R: Send + 'a>(
        &'a self,
        size: Size,
        request: impl Fn(&'a T) -> Answer<'a, R> + Send + Sync + 'a,
    ) -> Answer<'a, R> {
        let patience = self.patience();
        let more = match size {
            Size::One => Duration::ZERO,
            Size::Many => patience.deadline * (MANY - 1),
        };
        async move {
            let attempt =
                |store: &'a Arc<T>| request(store).map(|answer| answer.map_err(Blamed::from));
            let answer = self.chain.call(patience.plan(more), attempt).await;
            answer.map_err(StoreError::out_of)
        }
        .boxed()
    }
}
