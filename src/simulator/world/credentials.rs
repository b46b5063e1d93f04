//! The one server-to-server credential, and the tokens issued for it.

use std::collections::HashMap;

use fastrand::Rng;

/// The credential of the only client of this world, and the organization it belongs to.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Expected in `x-gw-ims-org-id`.
    pub org_id: String,
    /// Expected in `x-api-key` and in the token request; also `createdClient` of new runs.
    pub client_id: String,
    /// Accepted secrets: Adobe allows two at a time, so that they can be rotated.
    pub client_secrets: Vec<String>,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            org_id: "5F10C0DE5F10C0DE0A495FED@AdobeOrg".to_owned(),
            client_id: "simulated-client".to_owned(),
            client_secrets: vec!["simulated-secret".to_owned()],
        }
    }
}

/// Tokens and when they expire, in epoch milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Tokens(HashMap<String, i64>);

impl Tokens {
    /// Issues a new token.
    pub(crate) fn issue(&mut self, now: i64, lifetime_s: u32, rng: &mut Rng) -> String {
        self.0.retain(|_, expires_at| *expires_at > now);
        let token = format!("simulated.{:032x}", rng.u128(..));
        self.0.insert(token.clone(), now + i64::from(lifetime_s) * 1000);
        token
    }

    pub(crate) fn is_valid(&self, token: &str, now: i64) -> bool {
        self.0.get(token).is_some_and(|expires_at| *expires_at > now)
    }

    /// Makes every token issued so far invalid.
    pub(crate) fn expire_all(&mut self) {
        self.0.clear();
    }
}
