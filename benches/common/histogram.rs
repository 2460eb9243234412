//! Owns a histogram of times: constant memory, values within 1.6 %, any number of samples.

/// Buckets for each power of two.
const SLOTS: u64 = 64;
const SHIFT: u32 = SLOTS.trailing_zeros();

/// Nanoseconds, in log-linear buckets.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// Empty.
    pub fn new() -> Self {
        Self { counts: vec![0; bucket(u64::MAX) + 1], total: 0 }
    }

    /// Adds a value.
    pub fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    /// The value that this share (0–1) of all does not exceed, in milliseconds; none when there are none.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(middle(at) / 1e6)
    }
}

/// Values below `SLOTS` have a bucket each; from there on every power of two has `SLOTS`.
fn bucket(value: u64) -> usize {
    if value < SLOTS {
        return value as usize;
    }
    let power = value.ilog2() - SHIFT;
    (u64::from(power + 1) * SLOTS + ((value >> power) - SLOTS)) as usize
}

fn middle(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    if bucket < SLOTS {
        return bucket as f64;
    }
    let power = bucket / SLOTS - 1;
    let low = (bucket % SLOTS + SLOTS) as f64;
    (low + 0.5) * (power as f64).exp2()
}

/// Does it count as it says? Called at the start of every benchmark.
pub fn self_check() {
    let mut histogram = Histogram::new();
    for n in 1..=1_000_000 {
        histogram.record(n * 1_000);
    }
    for (share, expected) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
        let found = histogram.quantile_ms(share).unwrap_or(0.0);
        assert!((found / expected - 1.0).abs() < 0.016, "{share}: {found} ms instead of {expected}");
    }
    assert!(Histogram::new().quantile_ms(0.5).is_none());
}
