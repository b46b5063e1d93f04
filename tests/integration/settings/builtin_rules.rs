//! What the built-in rules do with the errors that Adobe and its connectors are known to report.

use crate::settings::support::Server;
use flowmend::domain::model::failure::Failure;
use flowmend::domain::model::ids::{FlowId, SandboxName};
use flowmend::domain::model::run::RunError;
use flowmend::domain::policy::rule::Action;

const UMBRELLA: (&str, &str) = ("CONNECTOR-1001-500", "Error in copying the data from Source.");

/// What is done with a failure of these errors; what no rule matches is retried.
fn action(errors: &[(&str, &str)]) -> (Action, String) {
    let settings = Server::needed().settings();
    let errors = errors.iter().map(|(code, message)| RunError::new(*code, *message));
    let failure = Failure { errors: errors.collect(), source: None };
    let sandbox = SandboxName::new("prod");
    let flow = FlowId::new("f");
    let policies = settings.policies();
    let found = policies.in_force(&sandbox, &flow, "flow", &failure);
    let rule = found.rule.map(|rule| rule.name.clone());
    (found.action(), rule.unwrap_or_default())
}

#[test]
fn the_error_of_a_connector_decides_and_2200_does_not() {
    let generic = ("2200", "A connection attempt failed");
    for (code, message, expected) in [
        (
            "SftpNetworkIssue",
            "A connection attempt failed, SocketErrorCode: 'TimedOut'",
            Action::Retry,
        ),
        ("SftpOperationFail", "no answer", Action::Retry),
        ("SftpAuthenticationFailure", "Permission denied (password)", Action::Hold),
        ("SftpPermissionDenied", "Permission denied", Action::Hold),
        ("UserErrorInvalidCredential", "A connection attempt failed", Action::Hold),
        ("SqlFailedToConnect", "Cannot connect to SQL Database", Action::Retry),
        ("SqlFailedToConnect", "Login failed for user 'etl'.", Action::Hold),
        ("SqlInvalidLogin", "Login failed", Action::Hold),
        ("UserErrorOdbcOperationFailed", "ERROR [08S01] the connection was lost", Action::Retry),
        ("UserErrorOdbcOperationFailed", "ERROR [HYT00] Timeout expired", Action::Retry),
        ("UserErrorOdbcOperationFailed", "ERROR [28000] not allowed", Action::Hold),
        ("UserErrorOdbcOperationFailed", "ERROR [42S02] no such table", Action::Hold),
        ("RestSourceCallFailed", "The HttpStatusCode 503 indicates failure.", Action::Retry),
        ("RestSourceCallFailed", "The HttpStatusCode 429 indicates failure.", Action::Retry),
        ("RestSourceCallFailed", "The HttpStatusCode 401 indicates failure.", Action::Hold),
        ("RestSourceCallFailed", "statusCode: 404", Action::Hold),
        ("FileNotFound", "", Action::Hold),
        ("UserErrorFileNotFound", "", Action::Hold),
        ("FileForbidden", "", Action::Hold),
        ("AdlsGen2OperationFailed", "ServerBusy", Action::Retry),
        ("UserErrorInvalidColumnName", "", Action::Hold),
        ("SqlOperationTimeout", "", Action::Retry),
    ] {
        let (found, rule) = action(&[UMBRELLA, generic, (code, message)]);
        assert_eq!(found, expected, "{code} {message:?} by {rule:?}");
    }
    assert_eq!(action(&[UMBRELLA, generic]), (Action::Retry, String::new()));
}

#[test]
fn guardrails_and_duplicates_are_recognized_in_several_wordings() {
    for (message, expected) in [
        ("The batch holds more than 25,000 files", Action::Hold),
        ("The batch exceeds the maximum of 25000 files per batch.", Action::Hold),
        ("number of files (25,312) exceeds the limit", Action::Hold),
        ("batch size exceeds 1 TB", Action::Hold),
        ("The batch size exceeds the limit of 1TB", Action::Hold),
        ("Too many files in this batch", Action::Hold),
        ("The batch was already ingested.", Action::Ignore),
        ("This file has already been successfully ingested", Action::Ignore),
        ("rate limit reached while reading 12 files", Action::Retry),
    ] {
        let (found, rule) = action(&[UMBRELLA, ("151", message)]);
        assert_eq!(found, expected, "{message:?} by {rule:?}");
    }
}
