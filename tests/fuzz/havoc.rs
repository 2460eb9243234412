//! Owns how inputs are changed: what AFL calls havoc, from a seed, so that a run can be run again.

use fastrand::Rng;

/// Bytes an input may grow to.
const LONGEST: usize = 4096;
/// What parsers stumble over.
const TOKENS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud800",
    b"\\udc00",
    b"\\u0000",
    b"null",
    b"true",
    b"-0",
    b"1E+400",
    b"9007199254740993",
    b"\"msg\":",
    b"\"cmd\":",
    b"\"payload\":{",
    b"\"_v3\":{",
    b"\"__v3\":",
    b"\"_hub\":{",
    b"\"_v2\":{\"p\":0}",
    b"\"k\":\"text\"",
    b"\"raw\":\"",
    b"\"to_id\":\"c\"",
    b"\"msg_type\":\"msg\"",
    b"\"target\":\"direct\"",
    b"direct",
    b"presence",
    b"\"from_id\":",
    b"\"sent_at\":",
    b"\"data_b64\":\"",
    b"\"value\":",
    b"$serde_json::private::RawValue",
    b"%2F",
    b"%25",
    b"%ff",
    b"%",
    b"&",
    b"=",
    b"/",
    b"/../",
    b"+",
    b"recv=v3",
    b"server",
    b"aether.jwt.",
    b"AETHER.API_KEY.",
    b"Bearer ",
    b"[[",
    b"]]",
    b"'''",
    b"\"\"\"",
    b"#",
    b"\n",
    b"\r\n",
    b"\t",
    b" ",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\xc3\xa9",
    b"\xf0\x9f\x98\x80",
    b"AETHER_",
    b"__",
    b"--",
    b"1979-05-27T07:32:00Z",
    b"0x7fffffffffffffffff",
    b"inf",
    b"auth.jwt.secret",
    b"listen.admin_token",
    b"mounts[0]",
    b"\r\n$-1\r\n",
    b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n",
    b", 10.0.0.2",
    b"[::1]:80",
    b"localhost",
    b"Mon-Fri 09:00-10:00",
    b"*",
    b"?",
    b"/*/",
    b"~1",
    b"\"exp\":1773232556",
    b"\"account_id\":",
    b"MiB",
    b"1h 30m",
    b"\"type\":\"subscribe\"",
    b"\"type\":\"batch\",\"messages\":[",
    b"\"channel\":\"telemetry\"",
    b"\"device_id\":1",
    b"\"filters\":{",
    b"\"metrics\":[",
    b"\"frequency\":\"30s\"",
    b"\"telemetry\":{",
];

/// Changes one input a few times; others lend parts.
pub fn changed(rng: &mut Rng, input: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=rng.u8(0..6) {
        change(rng, &mut bytes, others);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(rng: &mut Rng, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    let at = rng.usize(0..=bytes.len());
    let to = (at + rng.usize(0..16)).min(bytes.len());
    match rng.u8(0..10) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(0..8),
        1 if at < bytes.len() => bytes[at] = rng.u8(..),
        2 => drop(bytes.drain(at..to)),
        3 => bytes.truncate(at),
        4 => {
            let piece = bytes[at..to].to_vec();
            bytes.splice(at..at, piece.repeat(rng.usize(1..8)));
        }
        5 => {
            let other = &others[rng.usize(0..others.len())];
            let from = rng.usize(0..=other.len());
            let until = (from + rng.usize(0..64)).min(other.len());
            bytes.splice(at..to, other[from..until].iter().copied());
        }
        6 => {
            let other = &others[rng.usize(0..others.len())];
            bytes.truncate(at);
            bytes.extend(&other[rng.usize(0..=other.len())..]);
        }
        // Both dice and the parts of an input stand in front.
        7 if !bytes.is_empty() => {
            let front = rng.usize(0..bytes.len().min(8));
            bytes[front] = rng.u8(..);
        }
        _ => drop(bytes.splice(at..at, TOKENS[rng.usize(0..TOKENS.len())].iter().copied())),
    }
}
