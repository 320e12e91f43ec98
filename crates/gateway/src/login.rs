//! Who is let in: whoever knows the gateway's password, by SCRAM-SHA-256 (RFC 5802, RFC 7677), so that neither the
//! wire nor this process's memory holds the password.
//!
//! The server's side without channel binding, for one user. As in PostgreSQL the user is the one that the session names,
//! not the one in SCRAM's first message. A user that there is not is asked like any other and fails at the proof.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// The name of the mechanism.
pub(crate) const MECHANISM: &str = "SCRAM-SHA-256";

/// How often the password is hashed; RFC 7677 asks for 4096 at least.
const ITERATIONS: u32 = 15_000;

type Key = Zeroizing<[u8; 32]>;

/// The operating system gives no random bytes.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the operating system gives no random bytes: {0}")]
pub struct NoRandomness(String);

/// What is kept of the password: enough to check one, not the password.
pub struct Login {
    user: String,
    salt: [u8; 16],
    stored: Key,
    server: Key,
    /// In place of `stored` for users that there are not: nobody knows what it is the hash of.
    nobody: Key,
}

impl Login {
    /// Lets one user in, who knows this password.
    ///
    /// # Errors
    /// [`NoRandomness`], for the salt.
    pub fn new(user: &str, password: &str) -> Result<Self, NoRandomness> {
        let salt = random::<16>()?;
        // As PostgreSQL does, a password that SASLprep refuses is taken as it is.
        let prepared = match stringprep::saslprep(password) {
            Ok(prepared) => Zeroizing::new(prepared.into_owned()),
            Err(_) => Zeroizing::new(password.to_owned()),
        };
        let salted = salted(prepared.as_bytes(), &salt);
        let client = mac(&*salted, &[b"Client Key"]);
        Ok(Self {
            user: user.to_owned(),
            salt,
            stored: Zeroizing::new(Sha256::digest(*client).into()),
            server: mac(&*salted, &[b"Server Key"]),
            nobody: Zeroizing::new(random()?),
        })
    }

    /// Takes the client's first message; `None` when it is none, or asks for what is not offered.
    pub(crate) fn begin(&self, user: &str, client_first: &str) -> Result<Option<Exchange<'_>>, NoRandomness> {
        // `n` and `y`: the client binds no channel. No other identity than the session's is taken.
        let Some((header, bare)) =
            ["n,,", "y,,"].into_iter().find_map(|header| Some((header, client_first.strip_prefix(header)?)))
        else {
            return Ok(None);
        };
        let nonce = bare.split(',').find_map(|attribute| attribute.strip_prefix("r="));
        let Some(nonce) = nonce.filter(|nonce| !nonce.is_empty() && !bare.starts_with("m=")) else {
            return Ok(None);
        };
        let nonce = format!("{nonce}{}", STANDARD.encode(random::<18>()?));
        let server_first = format!("r={nonce},s={},i={ITERATIONS}", STANDARD.encode(self.salt));
        let stored = if user == self.user { &self.stored } else { &self.nobody };
        let messages = format!("{bare},{server_first},");
        Ok(Some(Exchange { stored, server: &self.server, header, nonce, server_first, messages }))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// An exchange after its first two messages.
pub(crate) struct Exchange<'a> {
    stored: &'a Key,
    server: &'a Key,
    header: &'static str,
    nonce: String,
    /// To be sent.
    pub(crate) server_first: String,
    messages: String,
}

impl Exchange<'_> {
    /// Takes the client's last message; gives the server's, if the client has shown that it knows the password.
    pub(crate) fn finish(self, client_final: &str) -> Option<String> {
        let (without_proof, proof) = client_final.rsplit_once(",p=")?;
        if without_proof != format!("c={},r={}", STANDARD.encode(self.header), self.nonce) {
            return None;
        }
        let proof: [u8; 32] = STANDARD.decode(proof).ok()?.try_into().ok()?;
        let messages = [self.messages.as_bytes(), without_proof.as_bytes()];
        let mut client = mac(&**self.stored, &messages);
        for (byte, proof) in client.iter_mut().zip(proof) {
            *byte ^= proof;
        }
        let found: [u8; 32] = Sha256::digest(*client).into();
        bool::from(found.ct_eq(&**self.stored))
            .then(|| format!("v={}", STANDARD.encode(*mac(&**self.server, &messages))))
    }
}

/// `Hi` of RFC 5802: PBKDF2 with HMAC-SHA-256, one block.
fn salted(password: &[u8], salt: &[u8]) -> Key {
    let mut last = mac(password, &[salt, &1_u32.to_be_bytes()]);
    let mut sum = last.clone();
    for _ in 1..ITERATIONS {
        last = mac(password, &[&*last]);
        for (sum, byte) in sum.iter_mut().zip(last.iter()) {
            *sum ^= byte;
        }
    }
    sum
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Key {
    // HMAC takes keys of any length; longer ones than a block are hashed, as here, so that there is no error to have.
    let mut block = Zeroizing::new([0; 64]);
    let mut hashed = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(key)));
    let key = if key.len() > block.len() { &hashed[..] } else { key };
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let mut mac = Hmac::<Sha256>::new(&(*block).into());
    for part in parts {
        mac.update(part);
    }
    hashed.zeroize();
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| NoRandomness(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The client's side, written down from RFC 5802 §3.
    fn client_final(password: &str, client_bare: &str, server_first: &str) -> String {
        let field = |name: &str| {
            server_first.split(',').find_map(|field| field.strip_prefix(name)).unwrap().to_owned()
        };
        let salted = salted(password.as_bytes(), &STANDARD.decode(field("s=")).unwrap());
        let client = mac(&*salted, &[b"Client Key"]);
        let stored: [u8; 32] = Sha256::digest(*client).into();
        let without_proof = format!("c=biws,r={}", field("r="));
        let message = format!("{client_bare},{server_first},{without_proof}");
        let mut proof = *mac(&stored, &[message.as_bytes()]);
        proof.iter_mut().zip(client.iter()).for_each(|(proof, byte)| *proof ^= byte);
        format!("{without_proof},p={}", STANDARD.encode(proof))
    }

    #[test]
    fn only_the_right_user_with_the_right_password_gets_in() {
        let login = Login::new("north", "pencil").unwrap();
        for (user, password, admitted) in
            [("north", "pencil", true), ("north", "pencils", false), ("lake", "pencil", false)]
        {
            let exchange = login.begin(user, "n,,n=,r=abc").unwrap().unwrap();
            let answer = client_final(password, "n=,r=abc", &exchange.server_first);
            let known = exchange.finish(&answer);
            assert_eq!(known.is_some(), admitted, "{user} {password}");
        }
        let exchange = login.begin("north", "n,,n=,r=abc").unwrap().unwrap();
        let other = login.begin("north", "n,,n=,r=abc").unwrap().unwrap();
        let answer = client_final("pencil", "n=,r=abc", &other.server_first);
        assert_eq!(exchange.finish(&answer), None, "an answer to another exchange");
        for refused in
            ["", "p=tls-unique,,n=,r=abc", "n,a=root,n=,r=abc", "n,,n=", "n,,m=x,r=abc", "n,,n=,r="]
        {
            assert!(login.begin("north", refused).unwrap().is_none(), "{refused}");
        }
    }

    #[test]
    fn macs_and_salting_are_those_of_the_standards() {
        // RFC 4231 §4.7, a key longer than a block.
        let long = mac(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"]);
        assert_eq!(long[..4], [0x60, 0xe4, 0x31, 0x59]);
        // RFC 4231 §4.3.
        assert_eq!(mac(b"Jefe", &[b"what do ya want ", b"for nothing?"])[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }

    proptest! {
        #[test]
        fn any_messages_are_refused_without_harm(first in "[ny],,.{0,30}", last in ".{0,60}") {
            let login = Login {
                user: "north".to_owned(),
                salt: [1; 16],
                stored: Zeroizing::new([2; 32]),
                server: Zeroizing::new([3; 32]),
                nobody: Zeroizing::new([4; 32]),
            };
            if let Some(exchange) = login.begin("north", &first).unwrap() {
                prop_assert_eq!(exchange.finish(&last), None);
            }
        }
    }
}
