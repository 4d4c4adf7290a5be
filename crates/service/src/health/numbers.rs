//! Pages of numbers for Prometheus, for any role.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

pub use prometheus_client::registry::Unit;

/// What a role is in numbers at one moment.
pub trait Numbers: fmt::Debug + Send + Sync + 'static {
    /// Writes them.
    ///
    /// # Errors
    /// When the page cannot be written.
    fn write(&self, page: &mut Page<'_>) -> fmt::Result;
}

/// A page in the text format of OpenMetrics: the program's version and `numbers`, whose names all
/// begin with `prefix` and an underscore.
pub fn page(prefix: &str, numbers: impl Numbers) -> String {
    let mut registry = Registry::with_prefix(prefix);
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The program that runs", version);
    registry.register_collector(Box::new(Moment(numbers)));
    let mut page = String::new();
    // Writing to a string does not fail.
    encode(&mut page, &registry).ok();
    page
}

#[derive(Debug)]
struct Moment<N>(N);

impl<N: Numbers> Collector for Moment<N> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.write(&mut Page::new(encoder))
    }
}

/// A page that is being written.
#[derive(Debug)]
pub struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// A count of what has happened since the process began.
    ///
    /// # Errors
    /// As [`Page::gauge`].
    pub fn counter(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        let help = format!("{help}.");
        self.0
            .encode_descriptor(name, &help, None, MetricType::Counter)?
            .encode_counter(&count, no_example())
    }

    /// A value that goes up and down. What is said of it is a sentence without its full stop.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl EncodeGaugeValue,
    ) -> fmt::Result {
        let help = format!("{help}.");
        self.0
            .encode_descriptor(name, &help, unit, MetricType::Gauge)?
            .encode_gauge(&value)
    }

    /// The same for each set of labels.
    ///
    /// # Errors
    /// As [`Page::gauge`].
    pub fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let help = format!("{help}.");
        let mut family = self
            .0
            .encode_descriptor(name, &help, unit, MetricType::Gauge)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// A count for each set of labels.
    ///
    /// # Errors
    /// As [`Page::gauge`].
    pub fn counters<L: EncodeLabelSet, V: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let help = format!("{help}.");
        let mut family = self
            .0
            .encode_descriptor(name, &help, None, MetricType::Counter)?;
        for (labels, value) in values {
            family
                .encode_family(&labels)?
                .encode_counter(&value, no_example())?;
        }
        Ok(())
    }
}

/// What an example of a count would be, if there were one.
fn no_example() -> Option<&'static Exemplar<[(&'static str, &'static str); 0], u64>> {
    None
}
