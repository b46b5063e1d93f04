//! The errors of a run, from all the places where Adobe reports them.
//!
//! The run's status has generic codes. The cause is often only in an activity: in a list of
//! details, in the failed records, or in one long text of the connector that copies the data
//! (`ErrorCode=SftpNetworkIssue,'Type=…,Message=…`). The name in such a text counts as a code.

use super::fields::list;
use super::text::{clean, without_secrets};
use crate::domain::model::run::{ErrorPlace, RunError};
use serde_json::Value;

/// How much of a message is kept, in characters. Rules match all of it.
const MESSAGE: usize = 4_000;
/// The longest code.
const CODE: usize = 100;
/// How many errors of one run are kept; a run can contain one for each of thousands of bad rows.
const ERRORS: usize = 50;
/// Errors, details and failed records of the run, and of an activity.
const OF_RUN: [ErrorPlace; 3] = [ErrorPlace::Run, ErrorPlace::RunDetails, ErrorPlace::RunRecords];
const OF_ACTIVITY: [ErrorPlace; 3] =
    [ErrorPlace::Activity, ErrorPlace::ActivityDetails, ErrorPlace::ActivityRecords];
/// Precedes the name of the connector's error in a text.
const ERROR_CODE: &str = "ErrorCode=";

/// The errors of the run: generic codes first, then those of its activities, then their details,
/// each once. Adobe's API description misspells `activities`.
pub(super) fn run_errors<'a>(item: &'a Value) -> Vec<RunError> {
    let activities = ["/activities", "/activites"].into_iter().flat_map(|name| list(item, name));
    let activities = activities.map(|activity| (activity, OF_ACTIVITY));
    let parts: Vec<(&'a Value, [ErrorPlace; 3])> =
        [(item, OF_RUN)].into_iter().chain(activities).collect();
    let of_parts = |paths: [&str; 2], which: usize| -> Vec<(&'a Value, ErrorPlace)> {
        let of = |(part, places): &(&'a Value, [ErrorPlace; 3])| {
            let place = places[which];
            paths.map(|path| part.pointer(path).map(|found| (found, place)))
        };
        parts.iter().flat_map(of).flatten().collect()
    };
    const STATUS: [&str; 2] = ["/metrics/statusSummary", "/statusSummary"];

    let mut found = Found::default();
    for (status, place) in of_parts(STATUS, 0) {
        list(status, "/errors").iter().for_each(|entry| found.add_entry(entry, place));
    }
    for (status, place) in of_parts(STATUS, 1) {
        list(status, "/extensions/errors").iter().for_each(|entry| found.add_entry(entry, place));
        found.add_detail(status.pointer("/extensions/errorDetail"), place);
    }
    for (records, place) in of_parts(["/metrics/recordSummary", "/recordSummary"], 2) {
        list(records, "/failedInfo").iter().for_each(|entry| found.add_entry(entry, place));
    }
    found.0
}

#[derive(Default)]
struct Found(Vec<RunError>);

impl Found {
    /// Adds an object with a code and a message or description, or a bare text.
    fn add_entry(&mut self, entry: &Value, place: ErrorPlace) {
        let code = match entry.get("code") {
            Some(Value::String(code)) => clean(code, CODE),
            Some(Value::Number(code)) => code.to_string(),
            _ => String::new(),
        };
        let texts = ["message", "description"].into_iter().filter_map(|name| entry.get(name));
        let texts: Vec<&str> = texts.chain([entry]).filter_map(Value::as_str).collect();
        let message = texts.join(" ");
        self.add(code, &message, place);
        self.add_names(&message, place);
    }

    /// Adds the connector's text, or several.
    fn add_detail(&mut self, detail: Option<&Value>, place: ErrorPlace) {
        match detail {
            Some(Value::String(text)) if text.contains(ERROR_CODE) => self.add_names(text, place),
            Some(Value::String(text)) => self.add(String::new(), text, place),
            Some(Value::Array(texts)) => {
                texts.iter().for_each(|text| self.add_detail(Some(text), place));
            }
            Some(entry) => self.add_entry(entry, place),
            None => {}
        }
    }

    /// Adds the errors that a text names.
    fn add_names(&mut self, text: &str, place: ErrorPlace) {
        for (at, _) in text.match_indices(ERROR_CODE) {
            let rest = text[at + ERROR_CODE.len()..].trim_start_matches(['\'', '"', ' ']);
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-' && c != '.');
            let name = &rest[..end.unwrap_or(rest.len())];
            if !name.is_empty() {
                self.add(clean(name, CODE), text, place);
            }
        }
    }

    fn add(&mut self, code: String, message: &str, place: ErrorPlace) {
        let message = clean(&without_secrets(message), MESSAGE);
        let empty = code.is_empty() && message.is_empty();
        // Beyond this number only errors with a new code are kept.
        let full = self.0.len() >= ERRORS && self.0.iter().any(|it| it.code == code);
        let known = self.0.iter().any(|it| it.code == code && it.message == message);
        if !empty && !full && self.0.len() < 2 * ERRORS && !known {
            self.0.push(RunError { code, message, place: Some(place) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn codes(item: &Value) -> Vec<String> {
        run_errors(item).into_iter().map(|error| error.code).collect()
    }

    #[test]
    fn the_misspelt_activities_are_read_too_and_errors_come_once() {
        let error = json!({ "code": 133, "message": "x".repeat(6_000) });
        let activity = json!({ "statusSummary": { "extensions": { "errors": [error, error] } } });
        let errors = run_errors(&json!({ "activites": [activity] }));
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].code, "133");
        assert_eq!(errors[0].message.chars().count(), MESSAGE + 1);
    }

    #[test]
    fn errors_are_found_in_every_place_where_adobe_puts_them() {
        let detail = "ErrorCode=SftpNetworkIssue,'Type=X,Message=no answer from '192.0.2.14''";
        let status = |code: &str| {
            json!({
                "errors": [{ "code": code, "message": "Copy failed." }],
                "extensions": { "errors": [{ "code": format!("{code}-detail") }], "errorDetail": detail },
            })
        };
        let item = json!({
            "metrics": {
                "statusSummary": status("run"),
                "recordSummary": { "failedInfo": [{ "code": "records", "description": "bad" }] },
            },
            "activities": [{
                "statusSummary": status("activity"),
                "recordSummary": { "failedInfo": [{ "code": "activity-records" }] },
            }],
        });
        let found = codes(&item);
        for code in ["run", "activity", "run-detail", "activity-detail", "SftpNetworkIssue"] {
            assert!(found.iter().any(|it| it == code), "{code} in {found:?}");
        }
        for code in ["records", "activity-records"] {
            assert!(found.iter().any(|it| it == code), "{code} in {found:?}");
        }
        assert_eq!(found[..2], ["run", "activity"], "umbrella codes come first");
        let place_of = |code: &str| {
            run_errors(&item).into_iter().find(|it| it.code == code).and_then(|it| it.place)
        };
        for (code, place) in [
            ("run", ErrorPlace::Run),
            ("run-detail", ErrorPlace::RunDetails),
            ("records", ErrorPlace::RunRecords),
            ("activity", ErrorPlace::Activity),
            ("activity-detail", ErrorPlace::ActivityDetails),
            ("activity-records", ErrorPlace::ActivityRecords),
        ] {
            assert_eq!(place_of(code), Some(place), "{code}");
        }
        let connector = run_errors(&item).into_iter().find(|it| it.code == "SftpNetworkIssue");
        assert!(connector.unwrap().message.contains("no answer from '192.0.2.14'"));
    }

    #[test]
    fn a_text_without_a_name_is_an_error_without_a_code() {
        let extensions =
            json!({ "errorDetail": ["something broke", "ErrorCode='A_1',x ErrorCode=B"] });
        let item = json!({ "activities": [{ "statusSummary": { "extensions": extensions } }] });
        assert_eq!(codes(&item), ["", "A_1", "B"]);
    }

    #[test]
    fn no_message_holds_a_secret() {
        let text = "failed: https://x.blob/y?sv=1&sig=abc%2Bd&se=2 Password=hunter2;User=me";
        let item = json!({ "metrics": { "statusSummary": { "errors": [{ "code": "1", "message": text }] } } });
        let message = &run_errors(&item)[0].message;
        assert!(!message.contains("abc") && !message.contains("hunter2"), "{message}");
        assert!(message.contains("User=me") && message.contains("se=2"), "{message}");
    }
}
