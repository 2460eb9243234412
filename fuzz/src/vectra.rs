//! Owns the target of Vectra: any frame of a worker or a dashboard, any V3 message and any text on its hub.

use super::input::{dice, parts, text};
use super::laws_of_vectra::{foreign, said, shown, told};
use super::wire::how;
use aether_proxy::dialect::{Frame, aether_v3};

/// Dice for how it travels, then a frame, a V3 message, a text on the hub.
pub fn vectra(data: &[u8]) {
    let (dice, rest) = dice(data);
    let how = how(dice);
    let [frame, message, hub] = parts(rest);
    let frame_text = text(frame);
    for frame in [Frame::Text(&frame_text), Frame::Binary(frame)] {
        said(&how, frame).unwrap_or_else(|why| panic!("{frame:?}: {why}"));
    }
    let message = text(if message.is_empty() { frame } else { message });
    if let Ok(draft) = aether_v3::draft(&message, false, &mut Default::default()) {
        for receipt in [None, Some(foreign())] {
            told(&how, &draft, receipt.as_ref()).unwrap_or_else(|why| panic!("{message:?}: {why}"));
        }
    }
    let hub = text(if hub.is_empty() { frame } else { hub });
    shown(&hub).unwrap_or_else(|why| panic!("{hub:?}: {why}"));
}
