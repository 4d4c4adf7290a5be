//! What every benchmark's table needs: the middle, the tail, the machine.

use std::fs;
use std::time::Duration;

/// The middle, or the mean of the two values there; zero without any.
pub fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let (Some(low), Some(high)) = (
        sorted.get((sorted.len().max(1) - 1) / 2),
        sorted.get(sorted.len() / 2),
    ) else {
        return Duration::ZERO;
    };
    (*low + *high) / 2
}

/// The value below which `percent` of `times` lie; zero without any.
pub fn at(times: &[Duration], percent: usize) -> Duration {
    at_per_mille(times, 10 * percent)
}

/// The value below which `per_mille` thousandths of `times` lie; zero without any.
pub fn at_per_mille(times: &[Duration], per_mille: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// The processor that the figures were taken on.
pub fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = info
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1))
        .unwrap_or("an unknown processor");
    format!("{cores} cores of {model}")
}
