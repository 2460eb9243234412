//! Owns the target of field maps: any steps that agree make a lens that keeps its laws for any frame, any message of a V3
//! client, and any receipt.

use super::input::{dice, parts, text};
use super::maps::{self, Sample};
use aether_proxy::dialect::custom::Step;
use aether_proxy::dialect::{OwnedFrame, aether_v3};

/// Steps a line each, a frame, a V3 message, what a forger writes.
pub fn field_map(data: &[u8]) {
    let ([flags], rest) = dice(data);
    let [steps, frame, native, forged] = parts(rest);
    let steps = text(steps).lines().take(12).filter_map(step).collect();
    let frame = match std::str::from_utf8(frame) {
        Ok(frame) if flags & 8 == 0 => OwnedFrame::Text(frame.to_owned()),
        _ => OwnedFrame::Binary(frame.to_vec()),
    };
    let native = text(native);
    let native = aether_v3::draft(&native, false, &mut Default::default());
    let native = native.map_or_else(|_| super::wire::native(), |draft| draft.into_owned());
    let how = [flags & 1 > 0, flags & 2 > 0, flags & 4 > 0];
    let sample = Sample { steps, frame, native, forged: text(forged).into_owned(), how };
    if let Err(why) = maps::hold(&sample) {
        panic!("{why}");
    }
}

/// `r` from to, `h` from keep…, `m` from members…, `w` into members…, `d` of token.
fn step(line: &str) -> Option<Step> {
    let mut words = line.split(' ').map(str::to_owned);
    let (what, first) = (words.next()?, words.next()?);
    Some(match what.as_str() {
        "r" => Step::Rename { from: first, to: words.next()? },
        "h" => Step::Hoist { from: first, members: Vec::new(), keep: words.collect() },
        "m" => Step::Hoist { from: first, members: words.collect(), keep: Vec::new() },
        "w" => Step::Wrap { members: words.collect(), into: first },
        "d" => Step::Default { of: first, token: words.collect::<Vec<_>>().join(" ") },
        _ => return None,
    })
}
