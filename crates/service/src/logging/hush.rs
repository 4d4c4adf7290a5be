//! Keeps a library quiet that writes down who talks with whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The library of the telephone line logs whole messages at `info` and addresses at `warn`, and
/// with them names and numbers of callers. Those belong to `trace`, as everything that people say.
const TALKATIVE: &str = "rsipstack";

/// Lets nothing of the talkative library into the log, whatever the filter behind it would let
/// through, unless that asks for its `trace`. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Hush {
    open: Arc<AtomicBool>,
}

impl Hush {
    /// As strict as this level or filter wants it.
    pub(super) fn of(level: &str) -> Self {
        Self {
            open: Arc::new(AtomicBool::new(opens(level))),
        }
    }

    /// From here on as strict as this one wants it; to be followed by a reload of the filter,
    /// which has everybody ask anew.
    pub(super) fn change(&self, level: &str) {
        self.open.store(opens(level), Ordering::Relaxed);
    }
}

impl<S: Subscriber> Layer<S> for Hush {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let of = |name: &str| name.starts_with(TALKATIVE);
        let talks = of(metadata.target()) || metadata.module_path().is_some_and(of);
        !talks || self.open.load(Ordering::Relaxed)
    }
}

/// Whether a filter asks for the library's `trace`: by its name, or as a part of everything. A
/// plain `trace` is for our own parts.
fn opens(level: &str) -> bool {
    let level = level.trim().to_ascii_lowercase();
    if !level.contains('=') && !level.contains(',') {
        return false;
    }
    let directives = || level.split(',').map(str::trim);
    let mut named = directives().filter(|one| one.starts_with(TALKATIVE));
    match named.next() {
        Some(first) => first.ends_with("=trace") && named.all(|one| one.ends_with("=trace")),
        None => directives().any(|one| one == "trace"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Mutex;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a log of this level holds when the library and one of ours have something to say.
    fn logged(level: &str, json: bool) -> String {
        let page = Page::default();
        let paper = page.clone();
        let builder = tracing_subscriber::fmt()
            .with_env_filter(crate::logging::filter(level).unwrap())
            .with_writer(move || paper.clone());
        let told = || {
            tracing::error!(target: "rsipstack::transport", "Grace 4711");
            tracing::warn!(target: "rsipstack::dialog::authenticate", "Grace 4711");
            tracing::info!(target: "rsipstack", "Grace 4711");
            tracing::trace!(target: "rsipstack", "Grace 4711");
            let _span = tracing::info_span!(target: "rsipstack", "Grace").entered();
            tracing::error!(target: "bridge_sip", "a call has ended");
        };
        let hush = Hush::of(level);
        if json {
            let builder = builder.json().flatten_event(true);
            tracing::subscriber::with_default(builder.finish().with(hush), told);
        } else {
            tracing::subscriber::with_default(builder.finish().with(hush), told);
        }
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_library_is_quiet_whatever_the_filter() {
        for level in [
            "error",
            "warn",
            "info",
            "debug",
            "trace",
            "info,mumble=debug",
            "debug,mumble=trace",
            "bridge_sip=debug,rsipstack=debug",
            "bridge_sip=debug,rsipstack::transport=debug",
            "trace,rsipstack=info",
        ] {
            for json in [false, true] {
                let log = logged(level, json);
                assert!(log.contains("a call has ended"), "{level}: {log}");
                assert!(!log.contains("Grace"), "{level}: {log}");
                assert_eq!(log.starts_with('{'), json, "{log}");
            }
        }
    }

    #[test]
    fn who_asks_for_its_trace_gets_it() {
        for level in ["info,rsipstack=trace", "trace,mumble=info"] {
            assert!(logged(level, false).contains("Grace 4711"), "{level}");
        }
    }
}
