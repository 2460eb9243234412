//! Owns the target of the judge of the compatibility suite: whatever a server sends, it is held against what is wanted by
//! laws, and never put off.

use super::input::{dice, parts, text};
use super::laws_of_judge::{knows, strict};
use aether_proxy::dialect::{OwnedFrame, aether_v3};

/// A die, then what is wanted, what came.
pub fn judge(data: &[u8]) {
    let ([flags], rest) = dice(data);
    let [wanted, came] = parts(rest);
    let came = if came.is_empty() { wanted } else { came };
    let (wanted, other) = (text(wanted), text(came));
    let frame = match flags & 1 {
        0 => OwnedFrame::Text(other.clone().into_owned()),
        _ => OwnedFrame::Binary(came.to_vec()),
    };
    strict(&wanted, &frame).unwrap_or_else(|why| panic!("{wanted:?} {frame:?}: {why}"));
    let draft = |text: &str| aether_v3::draft(text, false, &mut Default::default()).map(|draft| draft.into_owned());
    if let (Ok(one), Ok(other)) = (draft(&wanted), draft(&other)) {
        knows(&one, &other).unwrap_or_else(|why| panic!("{wanted:?} {frame:?}: {why}"));
    }
}
