//! A wake-up at a moment, as exact as the system can.
//!
//! The runtime's timers count whole milliseconds, and its poller rounds up once more: a voice on
//! that clock would be up to two milliseconds uneven. A timer descriptor of Linux wakes within
//! some ten microseconds. Elsewhere the runtime's timers have to do.

use std::time::Instant;

use tokio::time::sleep_until;

/// Wakes at one moment at a time.
#[derive(Debug)]
pub struct Alarm {
    #[cfg(target_os = "linux")]
    timer: Option<linux::Timer>,
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            timer: linux::Timer::new()
                .inspect_err(|error| tracing::debug!(%error, "no exact timer"))
                .ok(),
        }
    }

    /// Waits until `deadline`, as exactly as can be.
    pub async fn until(&mut self, deadline: Instant) {
        #[cfg(target_os = "linux")]
        if let Some(timer) = &mut self.timer
            && timer.wait(deadline).await.is_ok()
        {
            return;
        }
        sleep_until(deadline.into()).await;
    }

    /// Waits until `deadline`. Never ends without one, and where there is no exact timer: who
    /// calls it has another one to fall back on.
    pub(super) async fn wait(&mut self, deadline: Option<Instant>) {
        #[cfg(target_os = "linux")]
        if let (Some(timer), Some(deadline)) = (&mut self.timer, deadline)
            && timer.wait(deadline).await.is_ok()
        {
            return;
        }
        #[cfg(not(target_os = "linux"))]
        let _ = deadline;
        std::future::pending::<()>().await;
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        io,
        os::fd::OwnedFd,
        time::{Duration, Instant},
    };

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::{Interest, unix::AsyncFd};

    use super::super::now;

    /// A timer descriptor and the moment that it is set to.
    #[derive(Debug)]
    pub(super) struct Timer {
        descriptor: AsyncFd<OwnedFd>,
        set: Option<Instant>,
    }

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[expect(
                deprecated,
                reason = "its successor is unsafe, for descriptors that others can close; this one is owned"
            )]
            let descriptor = AsyncFd::with_interest(descriptor, Interest::READABLE)?;
            Ok(Self {
                descriptor,
                set: None,
            })
        }

        pub(super) async fn wait(&mut self, deadline: Instant) -> io::Result<()> {
            if self.set != Some(deadline) {
                self.set(deadline)?;
            }
            // A wake-up may be that of an earlier setting.
            while now() < deadline {
                self.descriptor.readable().await?.clear_ready();
            }
            Ok(())
        }

        fn set(&mut self, deadline: Instant) -> io::Result<()> {
            // Zero would mean never.
            let left = deadline.saturating_duration_since(now());
            let left = left.max(Duration::from_nanos(1));
            let once = Itimerspec {
                it_interval: Timespec::default(),
                it_value: Timespec {
                    tv_sec: left.as_secs() as i64,
                    tv_nsec: left.subsec_nanos().into(),
                },
            };
            timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &once)?;
            self.set = Some(deadline);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::{super::now, *};

    /// Far longer than any wait here takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn it_wakes_at_its_moment_and_again_at_the_next() {
        let mut alarm = Alarm::new();
        for length in [5, 0, 20] {
            let deadline = now() + Duration::from_millis(length);
            let woken = timeout(PATIENCE, alarm.wait(Some(deadline))).await;
            assert!(woken.is_ok());
            assert!(now() >= deadline);
            let deadline = deadline + Duration::from_millis(length);
            assert!(timeout(PATIENCE, alarm.until(deadline)).await.is_ok());
            assert!(now() >= deadline);
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_setting_that_was_given_up_does_not_wake_the_next() {
        let mut alarm = Alarm::new();
        let first = now() + Duration::from_millis(1);
        tokio::select! {
            biased;
            () = alarm.wait(Some(first)) => {}
            () = std::future::ready(()) => {}
        }
        while now() < first {
            tokio::task::yield_now().await;
        }
        let second = now() + Duration::from_millis(30);
        let woken = timeout(PATIENCE, alarm.wait(Some(second))).await;
        assert!(woken.is_ok());
        assert!(now() >= second);
    }

    #[tokio::test]
    async fn without_a_moment_it_never_wakes() {
        let mut alarm = Alarm::new();
        tokio::select! {
            biased;
            () = alarm.wait(None) => panic!("it woke"),
            () = tokio::task::yield_now() => {}
        }
    }
}
