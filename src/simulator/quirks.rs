//! Switches for what Adobe's documents leave open.
//!
//! The defaults are what is documented or, where nothing is, what is most likely. A client must work
//! with every other value too.

use serde::{Deserialize, Serialize};

/// How this Flow Service differs from the documented or likely one.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// The body of a successful re-trigger.
    pub answer: AnswerShape,
    /// Where that answer carries the etag.
    pub etag: EtagPlace,
    /// How a status is spelled in items (`failed`, `FAILED`, `Failed`).
    pub status_spelling: Spelling,
    /// A status filter must have the spelling of the items; otherwise case does not matter.
    pub status_filter_case_sensitive: bool,
    /// What `property=flowId==a,b` means.
    pub flow_id_list: FlowIdList,
    /// `GET /runs` without a `flowId` filter is refused with 1423-400.
    pub runs_need_flow_id: bool,
    /// A filter on `updatedAt` is refused with 1449-400.
    pub updated_at_filter_refused: bool,
    /// A filter on `createdAt` is refused with 1449-400.
    pub created_at_filter_refused: bool,
    /// Runs have no `durationSummary`, so no filter on it finds them.
    pub duration_absent: bool,
    /// Runs have no `updatedAt`, so no filter on it finds them.
    pub updated_at_absent: bool,
    /// Items show times in seconds, as one published notification does; filters stay in ms.
    pub times_in_seconds: bool,
    /// Unknown counts of a failed run are published as -1; otherwise as 0.
    pub negative_counts: bool,
    /// The largest page; a larger `limit` is clamped to it.
    pub page_cap: usize,
    /// `next.href` repeats filters and limit before the token.
    pub href_repeats_filters: bool,
    /// Accepted values of `op`: the tutorial says `re-trigger`, the OpenAPI file `RE_TRIGGER`.
    pub retrigger_ops: Vec<String>,
    /// A re-trigger without `If-Match` is refused with 1403-400.
    pub require_if_match: bool,
    /// New runs of a re-trigger cannot be re-triggered themselves (1387-400).
    pub issued_runs_refused: bool,
    /// New runs of a re-trigger carry no `createdClient` and no `createdBy`.
    pub created_client_absent: bool,
    /// Every run names Adobe's connector service as its client, whoever requested it.
    pub one_client: bool,
    /// Runs that have started show the window of the data that they process; the new run of a
    /// re-trigger has that of the failed run.
    pub windows: bool,
    /// A new run cannot be read by its id for this many milliseconds.
    pub unreadable_ms: u64,
    /// The new run of a re-trigger shows *failed* for this many milliseconds, then its true status.
    pub false_failure_ms: u64,
    /// A run may be re-triggered while the new run of an earlier re-trigger is in progress.
    pub accepts_repeats: bool,
    /// `GET /runs/{id}` and the like answer the bare object instead of `{"items":[…]}`.
    pub bare_single_gets: bool,
    /// How far Adobe's clock is ahead of ours, in milliseconds; moves every time and `Date`.
    pub clock_skew_ms: i64,
    /// A new run is readable by id at once, but absent from lists for this many milliseconds.
    pub listing_delay_ms: u64,
    /// How long a token is valid, in seconds (`expires_in`).
    pub token_lifetime_s: u32,
    /// A token ends after this many seconds, whatever `expires_in` says.
    pub token_ends_early_s: Option<u32>,
    /// The answer to a call with a token that has ended.
    pub ended_token: EndedToken,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            answer: AnswerShape::Bare,
            etag: EtagPlace::Etag,
            status_spelling: Spelling::Lower,
            status_filter_case_sensitive: false,
            flow_id_list: FlowIdList::Accepted,
            runs_need_flow_id: false,
            updated_at_filter_refused: false,
            created_at_filter_refused: false,
            duration_absent: false,
            updated_at_absent: false,
            times_in_seconds: false,
            negative_counts: true,
            page_cap: 100,
            href_repeats_filters: false,
            retrigger_ops: vec!["re-trigger".to_owned()],
            require_if_match: false,
            issued_runs_refused: false,
            created_client_absent: false,
            one_client: false,
            windows: true,
            unreadable_ms: 0,
            false_failure_ms: 0,
            accepts_repeats: false,
            bare_single_gets: false,
            clock_skew_ms: 0,
            listing_delay_ms: 0,
            token_lifetime_s: 86_399,
            token_ends_early_s: None,
            ended_token: EndedToken::Unauthorized,
        }
    }
}

impl Quirks {
    /// A time in epoch milliseconds as items show it.
    pub(crate) fn publish_time(&self, at: i64) -> i64 {
        if self.times_in_seconds { at / 1000 } else { at }
    }
}

/// The answer to a call with a token that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedToken {
    /// 401 of the gateway, with its code.
    Unauthorized,
    /// 403 without a body.
    EmptyForbidden,
    /// 403 with an HTML page.
    HtmlForbidden,
}

/// The body of a successful re-trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerShape {
    /// `{"id","etag"}` of the new run (the tutorial).
    Bare,
    /// `{"items":[{"id","etag"}]}` (the page on creating runs).
    Items,
    /// The whole new run.
    FullRunNewId,
    /// The whole old run ("the updated flow run", the OpenAPI file).
    FullRunSameId,
    /// `{}`: accepted, without an id.
    NoId,
}

/// Where the answer to a re-trigger carries the etag of the new run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EtagPlace {
    /// In the body as `etag`.
    Etag,
    /// In the body as `eTag`.
    ETag,
    /// In the `ETag` header only.
    Header,
    /// Nowhere.
    None,
}

/// How a status is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// `failed`, `inProgress`: the examples.
    Lower,
    /// `FAILED`, `IN_PROGRESS`: the OpenAPI enum.
    Upper,
    /// `Failed`, `InProgress`: the example of a filter.
    Pascal,
}

/// What a comma list of flow ids means in a list of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowIdList {
    /// Runs of any of the flows, as documented for properties in general.
    Accepted,
    /// Refused with 1443-400.
    Refused,
    /// Taken as one id, with its commas, which no run has: an empty list and no error.
    Literal,
}
