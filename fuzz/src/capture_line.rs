//! Owns the target of a capture's lines: what was written is read back equal, on one line whatever is in it; and any
//! line of a file is read or refused, with no word of it in the reason.

use super::input::{dice, parts, text};
use aether_proxy::clock::Timestamp;
use aether_proxy::dialect::OwnedFrame;
use aether_proxy::migration::capture::{Body, Content, Direction, Line, Of};

/// Dice, then a tenant, a group, a client, a frame; the whole is also read as if it stood in a file.
pub fn capture_line(data: &[u8]) {
    let ([flags, conn, redacted], rest) = dice(data);
    read(data);
    read(rest);
    let [tenant, group, client, frame] = parts(rest);
    let (tenant, group, client) = (text(tenant), text(group), text(client));
    let at = Timestamp(1_773_232_496_789 + i64::from(conn) * 7_777_777_777);
    let of = Of {
        at,
        dir: if flags & 1 > 0 { Direction::Out } else { Direction::In },
        dialect: "aether-v2",
        tenant: &tenant,
        group: (flags & 2 > 0).then_some(group.as_ref()),
        client: &client,
        conn: u64::from(conn) << 48 | u64::from(flags),
        hears: (flags & 4 > 0).then_some("v3"),
        path: (flags & 8 > 0).then_some("v3_v2"),
    };
    let said = text(frame);
    let redacted = u32::from(redacted & 3);
    let whole = |frame: OwnedFrame| Content::Whole(frame);
    let short = Body::Text(said.as_ref().to_owned().into());
    let bytes = Body::Binary(frame.to_vec().into());
    let lines = [
        (
            Line::text(of, said.as_ref().into(), redacted),
            match redacted {
                0 => whole(OwnedFrame::Text(said.to_string())),
                _ => Content::Redacted(said.to_string()),
            },
        ),
        (Line::binary(of, frame), whole(OwnedFrame::Binary(frame.to_vec()))),
        (Line::length(of, &short), Content::TextOf(said.len())),
        (Line::length(of, &bytes), Content::BinaryOf(frame.len())),
    ];
    for (line, content) in lines {
        let written = line.write().expect("a line");
        assert!(!written.contains(['\n', '\r']), "{written:?}");
        let again = Line::read(written.as_bytes()).unwrap_or_else(|why| panic!("{written:?}: {why}"));
        assert_eq!((&again, again.at(), again.content()), (&line, Ok(at), Ok(content)), "{written:?}");
        assert_eq!((again.tenant.as_ref(), again.client.as_ref()), (tenant.as_ref(), client.as_ref()));
        assert_eq!((again.group.as_deref(), again.conn, again.dir), (of.group, of.conn, of.dir));
        assert_eq!((again.hears.as_deref(), again.path.as_deref()), (of.hears, of.path));
        // Half a line is none: a file whose end is missing says so.
        let half = usize::from(flags) % written.len();
        assert!(written.as_bytes().get(..half).is_some_and(|half| Line::read(half).is_err()), "{written:?}");
    }
}

fn read(bytes: &[u8]) {
    let Ok(line) = Line::read(bytes) else { return };
    let (at, content) = (line.at(), line.content());
    let Ok(written) = line.write() else { panic!("{line:?}: not written") };
    let again = Line::read(written.as_bytes()).unwrap_or_else(|why| panic!("{written:?}: {why}"));
    assert_eq!((&again, again.at(), again.content()), (&line, at, content));
}
