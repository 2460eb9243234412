//! Owns metric families whose labels are types: every combination exists from the start, at 0, and finding
//! a child is an array index. Text that comes from clients cannot become a label here.

use crate::label::Label;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};
use prometheus::{Registry, Result};
use std::marker::PhantomData;

/// The labels of a family, as one value.
pub trait LabelSet: Copy + 'static {
    /// How many combinations there are.
    const COUNT: usize;
    /// Every combination, in order.
    fn all() -> Vec<Self>;
    /// Its place in `all`.
    fn place(self) -> usize;
    /// The words, in the order of the label names.
    fn words(self) -> Vec<&'static str>;
}

impl LabelSet for () {
    const COUNT: usize = 1;
    fn all() -> Vec<Self> {
        vec![()]
    }
    fn place(self) -> usize {
        0
    }
    fn words(self) -> Vec<&'static str> {
        Vec::new()
    }
}

impl<A: Label> LabelSet for (A,) {
    const COUNT: usize = A::ALL.len();
    fn all() -> Vec<Self> {
        A::ALL.iter().map(|a| (*a,)).collect()
    }
    fn place(self) -> usize {
        self.0.index()
    }
    fn words(self) -> Vec<&'static str> {
        vec![self.0.label()]
    }
}

impl<A: Label, B: Label> LabelSet for (A, B) {
    const COUNT: usize = A::ALL.len() * B::ALL.len();
    fn all() -> Vec<Self> {
        A::ALL.iter().flat_map(|a| B::ALL.iter().map(|b| (*a, *b))).collect()
    }
    fn place(self) -> usize {
        self.0.index() * B::ALL.len() + self.1.index()
    }
    fn words(self) -> Vec<&'static str> {
        vec![self.0.label(), self.1.label()]
    }
}

impl<A: Label, B: Label, C: Label> LabelSet for (A, B, C) {
    const COUNT: usize = A::ALL.len() * <(B, C)>::COUNT;
    fn all() -> Vec<Self> {
        A::ALL.iter().flat_map(|a| <(B, C)>::all().into_iter().map(|(b, c)| (*a, b, c))).collect()
    }
    fn place(self) -> usize {
        self.0.index() * <(B, C)>::COUNT + (self.1, self.2).place()
    }
    fn words(self) -> Vec<&'static str> {
        vec![self.0.label(), self.1.label(), self.2.label()]
    }
}

/// How a family comes into a registry; called by `metrics!`.
pub(super) trait Family: Sized {
    fn register(registry: &Registry, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> Result<Self>;
}

macro_rules! family {
    ($(#[$doc:meta])* $family:ident of $child:ty, $vec:ty, $options:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $family<L> {
            children: Box<[$child]>,
            labels: PhantomData<fn(L)>,
        }

        impl<L: LabelSet> $family<L> {
            /// The child with these labels.
            pub fn with(&self, labels: L) -> &$child {
                // `place` is below COUNT by construction, and so many children were made.
                &self.children[labels.place()]
            }
        }

        impl $family<()> {
            /// The only child.
            pub fn only(&self) -> &$child {
                &self.children[0]
            }
        }

        impl<L: LabelSet> Family for $family<L> {
            fn register(registry: &Registry, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> Result<Self> {
                let options: fn(&str, &str, &[f64]) -> _ = $options;
                let vec = <$vec>::new(options(name, help.trim(), buckets), labels)?;
                registry.register(Box::new(vec.clone()))?;
                let children =
                    L::all().into_iter().map(|l| vec.get_metric_with_label_values(&l.words())).collect::<Result<_>>()?;
                Ok(Self { children, labels: PhantomData })
            }
        }
    };
}

family!(
    /// Counters, one a combination.
    Counters of IntCounter, IntCounterVec, |name, help, _| Opts::new(name, help)
);
family!(
    /// Gauges, one a combination.
    Gauges of IntGauge, IntGaugeVec, |name, help, _| Opts::new(name, help)
);
family!(
    /// Histograms, one a combination.
    Histograms of Histogram, HistogramVec, |name, help, buckets| {
        HistogramOpts { common_opts: Opts::new(name, help), buckets: buckets.to_vec() }
    }
);
