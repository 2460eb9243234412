//! Owns the target of JSON web tokens: no forged one is accepted, whatever it is forged from; of one that is signed the
//! claims mean what a second reading of them says; and no piece of one stands in a reason.

use super::input::{dice, parts, pick, text};
use aether_proxy::auth::{Authenticator, Credentials, Mint, Principal, Refusal, SigningKey, mint};
use aether_proxy::clock::{Clock, Timestamp};
use aether_proxy::config::{Auth, Secret};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const SECRET: &str = "a shared secret of more than thirty-two bytes";
const NOW: i64 = 1_773_232_496;
const LEEWAY: f64 = 60.0;
/// A public key on P-256; its private half is nowhere.
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE6kUrrzoFsDBG7hMqk7aT2UcEkIuj
kUhLcs3ksWsTVwe3hPD46kDOvF+bzC4jA4lHd3T7/EiDbvXcj6lz4f9kQg==
-----END PUBLIC KEY-----
";

/// What checks: a secret; a secret, with issuer, audience and no need of an end; a public key, and all algorithms.
struct Desk {
    runtime: Runtime,
    strict: Authenticator,
    loose: Authenticator,
    public: Authenticator,
    /// Valid, by the secret.
    token: String,
}

fn desk() -> &'static Desk {
    static DESK: OnceLock<Desk> = OnceLock::new();
    DESK.get_or_init(|| {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let clock = Clock::fixed(Timestamp(NOW * 1000));
        let made = |change: &dyn Fn(&mut Auth)| {
            let mut auth = Auth::default();
            auth.jwt.leeway = Duration::from_secs(LEEWAY as u64);
            auth.jwt.algorithms =
                ["HS256", "HS384", "RS256", "PS256", "ES256", "ES384", "EdDSA"].map(String::from).to_vec();
            change(&mut auth);
            runtime.block_on(Authenticator::new(&auth, clock.clone())).expect("settings that are good")
        };
        let by_secret = |auth: &mut Auth| auth.jwt.secret = Some(Secret::new(SECRET));
        let strict = made(&|auth| {
            by_secret(auth);
            auth.jwt.require_exp = true;
        });
        let loose = made(&|auth| {
            by_secret(auth);
            auth.jwt.require_exp = false;
            auth.jwt.issuer = "i".into();
            auth.jwt.audience = vec!["a".into(), "b".into()];
        });
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), PUBLIC).expect("a writable file");
        let public = made(&|auth| auth.jwt.public_key_file = Some(file.path().to_owned()));
        let what = Mint { account: Some("acme".into()), ttl: Some(Duration::from_secs(60)), ..Mint::default() };
        let token = mint(&what, SigningKey::Secret(&Secret::new(SECRET)), Timestamp(NOW * 1000)).expect("a token");
        Desk { runtime, strict, loose, public, token: token.expose().to_owned() }
    })
}

impl Desk {
    fn verdict(&self, by: &Authenticator, token: &str) -> Result<Principal, Refusal> {
        let credentials = Credentials { token: Some(Secret::new(token)), ..Credentials::default() };
        // What is presumed proves nothing, and may not panic.
        by.presume(&credentials);
        self.runtime.block_on(by.check(&credentials, false))
    }
}

/// Dice, then what is put into a valid token, a header, a payload and a signature.
pub fn tokens(data: &[u8]) {
    let ([at, delete, alg], rest) = dice(data);
    let [insert, header, payload, signature] = parts(rest);
    let desk = desk();
    edited(desk, usize::from(at), usize::from(delete % 8), &text(insert));
    let (coded, message) = (|bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes), coded_message(header, payload));
    // Signed by nobody, or by what everybody knows.
    let mut forged = vec![text(rest).into_owned(), format!("{message}.{}", coded(signature)), format!("{message}.")];
    for key in [&[][..], PUBLIC.as_bytes(), PUBLIC.trim().as_bytes(), signature] {
        let head = format!("{{\"alg\":\"{}\"}}", pick(alg, &["HS256", "HS384"]));
        let message = coded_message(head.as_bytes(), payload);
        forged.push(signed(&message, key, pick(alg, &[Algorithm::HS256, Algorithm::HS384])));
    }
    for by in [&desk.strict, &desk.loose, &desk.public] {
        for token in forged.iter().filter(|token| **token != desk.token) {
            assert!(desk.verdict(by, token).is_err(), "{token:?} is forged");
        }
    }
    claims(desk, payload);
    headers(desk, header);
}

fn coded_message(header: &[u8], payload: &[u8]) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

fn signed(message: &str, key: &[u8], algorithm: Algorithm) -> String {
    if key == SECRET.as_bytes() {
        return String::new();
    }
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(key), algorithm);
    format!("{message}.{}", signature.unwrap_or_default())
}

/// A valid token that somebody changed: accepted only where nothing was changed after all.
fn edited(desk: &Desk, at: usize, delete: usize, insert: &str) {
    let at = at.min(desk.token.len());
    let end = (at + delete).min(desk.token.len());
    let token = format!("{}{insert}{}", &desk.token[..at], &desk.token[end..]);
    match desk.verdict(&desk.strict, &token) {
        Ok(principal) => {
            assert_eq!(token, desk.token);
            assert_eq!(principal.account.as_ref().map(|account| account.as_str()), Some("acme"));
            assert!(!format!("{principal:?}").contains(&token));
        }
        Err(why) => {
            assert_ne!(token, desk.token, "{why}");
            let told = format!("{why} {why:?} {}", why.label());
            let piece: String = token.chars().take(12).collect();
            assert!(piece.len() < 12 || !told.contains(&piece), "{told}");
        }
    }
}

/// Any payload, signed: what it means to a reader of plain JSON.
fn claims(desk: &Desk, payload: &[u8]) {
    let message = coded_message(b"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", payload);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = format!("{message}.{}", crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signed"));
    let (strict, loose) = (desk.verdict(&desk.strict, &token), desk.verdict(&desk.loose, &token));
    for verdict in [&strict, &loose] {
        // Its signature holds, so nothing is said against that; and no claim is repeated.
        let unfair = [Refusal::TokenSignature, Refusal::TokenKeyUnknown, Refusal::TokenAlgorithm];
        assert!(
            verdict.as_ref().err().is_none_or(|why| !unfair.contains(why) || token.len() > 16 << 10),
            "{verdict:?}"
        );
    }
    let Ok(Value::Object(said)) = serde_json::from_slice::<Value>(payload) else {
        return;
    };
    let get = |name: &str| said.get(name).filter(|value| !value.is_null());
    // To the second: how a number is rounded is not the question here.
    let exp = get("exp").and_then(Value::as_f64);
    let gone = exp.is_some_and(|exp| exp + LEEWAY < NOW as f64 - 1.0);
    let early = get("nbf").and_then(Value::as_f64).is_some_and(|nbf| nbf > NOW as f64 + LEEWAY + 1.0);
    let audience = |value: &Value| value == "a" || value == "b";
    let ours = get("aud").is_some_and(|aud| match aud {
        Value::Array(all) => all.iter().all(Value::is_string) && all.iter().any(audience),
        one => audience(one),
    });
    for (verdict, needs_exp, needs_names) in [(strict, true, false), (loose, false, true)] {
        let Ok(principal) = verdict else {
            let fine = |name| get(name).is_none_or(Value::is_number);
            let near =
                |name| get(name).and_then(Value::as_f64).is_some_and(|at| (at - NOW as f64).abs() < LEEWAY + 2.0);
            let meant = !needs_names || (ours && get("iss").is_some_and(|iss| iss == "i"));
            let bad = gone || early || !fine("exp") || !fine("nbf") || near("exp") || near("nbf") || !meant;
            let account = ["account_id", "x_account_id", "account"].iter().any(|name| get(name).is_some());
            assert!(bad || account || (needs_exp && exp.is_none()) || token.len() > 16 << 10, "{said:?} refused");
            continue;
        };
        assert!(!gone && !early && (exp.is_some() || !needs_exp), "{said:?}");
        assert!(!needs_names || (ours && get("iss").is_some_and(|iss| iss == "i")), "{said:?}");
        assert_eq!(principal.subject.as_deref(), get("sub").and_then(Value::as_str), "{said:?}");
        if let Some(account) = principal.account {
            let named = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let number = account.as_str().trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
            assert!(said.values().any(|value| named(value) == account.as_str()) || number, "{said:?} {account:?}");
        }
    }
}

/// Any header before a payload that is good: signed with a secret, it says HS256 or HS384, or is refused.
fn headers(desk: &Desk, header: &[u8]) {
    let payload = format!("{{\"exp\":{}}}", NOW + 60);
    let message = coded_message(header, payload.as_bytes());
    // Member by member: a number that nobody asks for may be larger than any.
    let said: Option<BTreeMap<String, Box<RawValue>>> = serde_json::from_slice(header).ok();
    let word = |name: &str| said.as_ref()?.get(name).map(|token| token.get());
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    for (algorithm, name) in [(Algorithm::HS256, "HS256"), (Algorithm::HS384, "HS384"), (Algorithm::HS512, "HS512")] {
        let token = format!("{message}.{}", crypto::sign(message.as_bytes(), &key, algorithm).expect("signed"));
        if desk.verdict(&desk.strict, &token).is_ok() {
            let alg = word("alg").and_then(|token| serde_json::from_str::<String>(token).ok());
            let crit = word("crit").is_some_and(|token| token != "null");
            assert!(alg.as_deref() == Some(name) && name != "HS512" && !crit, "{said:?}");
        }
        assert!(desk.verdict(&desk.public, &token).is_err(), "a public key checks no secret's signature");
    }
}
