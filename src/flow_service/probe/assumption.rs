//! What flowmend assumes of the Flow Service. `docs/ADOBE.md` has the same sentences.

macro_rules! assumptions {
    ($($(#[doc = $doc:literal])* $variant:ident = $word:literal, $setting:expr;)*) => {
        /// Something that flowmend assumes, because Adobe's documents disagree or say nothing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Assumption {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Assumption {
            /// All of them.
            pub const ALL: &'static [Assumption] = &[$(Assumption::$variant,)*];

            /// Its name, for scripts.
            pub fn as_str(self) -> &'static str {
                match self { $(Assumption::$variant => $word,)* }
            }

            /// The sentence for people.
            pub fn sentence(self) -> &'static str {
                match self { $(Assumption::$variant => concat!($($doc),*).trim_ascii(),)* }
            }

            /// The settings that change it; none if flowmend adapts to the service.
            pub fn settings(self) -> &'static [&'static str] {
                match self { $(Assumption::$variant => &$setting,)* }
            }
        }
    };
}

assumptions! {
    // The re-trigger
    /// The operation of a re-trigger is spelled `re-trigger` (the tutorial), not `RE_TRIGGER` (the
    /// API description).
    Operation = "operation", ["adobe.retrigger_op"];
    /// A re-trigger needs no `If-Match`.
    NoIfMatch = "no_if_match", ["adobe.send_if_match"];
    /// The run to re-trigger after a second failure is the new run, not the original one.
    Target = "target", ["retry.target"];
    /// A new run appears in listings within five minutes after its re-trigger.
    ListedSoon = "listed_soon", ["retry.confirm_window", "retry.when_in_doubt"];
    /// `createdClient` of a run that flowmend caused is flowmend's client id.
    CreatedClient = "created_client", ["adobe.match_created_client"];
    /// The new run of a re-trigger has the window of the failed run (`windowStart`, `windowEnd`), and
    /// a scheduled run has another one.
    Window = "window", ["retry.when_in_doubt"];
    /// A run that has started shows its window.
    StartedWindow = "started_window", ["retry.watch_timeout"];
    /// A scheduled run is created within 30 seconds after its slot (`scheduleParams`).
    Slot = "slot", ["retry.when_in_doubt"];
    /// A failed run stays `failed` after its re-trigger has succeeded.
    StaysFailed = "stays_failed", [];

    // Listings
    /// Runs can be listed without a filter on `flowId`.
    WholeSandbox = "whole_sandbox", [];
    /// Runs of several dataflows can be listed at a time: a filter takes a comma list of ids.
    FlowList = "flow_list", [];
    /// Runs can be filtered by `updatedAt`.
    UpdatedAtFilter = "updated_at_filter", [];
    /// Runs can be filtered by `createdAt`.
    CreatedAtFilter = "created_at_filter", [];
    /// Two filters on one property are the two ends of a time span.
    TimeSpan = "time_span", [];
    /// The filter on the status accepts `failed`, `Failed` or `FAILED`.
    StatusFilter = "status_filter", ["adobe.failed_status_values"];
    /// The filter on the status takes a comma list.
    StatusList = "status_list", ["adobe.failed_status_values"];
    /// Several runs can be read by id in one request, and all of them are returned.
    RunIds = "run_ids", [];
    /// Several dataflows can be read by id in one request, and all of them are returned.
    FlowIds = "flow_ids", [];
    /// A page has as many items as requested, at most 100.
    PageSize = "page_size", ["adobe.page_size"];
    /// Runs are listed newest first.
    NewestFirst = "newest_first", ["adobe.max_pages"];
    /// The link to the next page has a token; with it and the same filters, the listing continues.
    NextPage = "next_page", [];

    // Items
    /// A status is a word that flowmend knows, in any spelling.
    StatusWords = "status_words", [];
    /// Times are milliseconds since 1970.
    Times = "times", [];
    /// Every ended run shows `createdAt`, `updatedAt` and a `durationSummary`.
    RunTimes = "run_times", [];
    /// A run shows its `etag`.
    ETag = "etag", ["adobe.send_if_match"];
    /// A dataflow shows its name.
    FlowName = "flow_name", ["ids in include"];
    /// The kind of a dataflow is in its flow spec.
    Kind = "kind", ["kind in [[dataflow]]"];
    /// What reads from the data lake is no source.
    Internal = "internal", [];
    /// The cause of a failure is in the lists of errors, in the failed records, or after `ErrorCode=`
    /// in a text.
    Causes = "causes", ["message in [[rule]]"];

    // Answers
    /// A 429 or a 503 asks for fewer calls.
    Throttling = "throttling", ["adobe.requests_per_second"];
    /// A token that has expired is answered with 401 or 403.
    EndedToken = "ended_token", [];
    /// The `Date` header of Adobe's answers is right.
    Date = "date", [];
}
