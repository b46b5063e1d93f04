//! The credential file that Adobe Developer Console offers for download, in both of its forms: the
//! flat one of a credential, and that of a whole project. (Source: Adobe's Developer Console
//! documentation, *OAuth Server-to-Server*. The older names `API_KEY` and `IMS_ORG_ID` appear in
//! public code.)
//!
//! It is read by hand, because the messages of a derived reader would repeat values.

use secrecy::SecretString;
use serde_json::Value;

/// The contents of such a file.
#[derive(Debug, Default)]
pub(crate) struct ConsoleFile {
    pub(crate) org_id: Option<String>,
    pub(crate) client_id: Option<String>,
    /// A credential may have two secrets while one replaces the other.
    pub(crate) client_secrets: Vec<SecretString>,
    pub(crate) scopes: Vec<String>,
}

/// Reads the file's text. Of several credentials in a project, `client_id` selects one. The error
/// continues a sentence that starts with the file.
pub(crate) fn parse(text: &str, client_id: Option<&str>) -> Result<ConsoleFile, String> {
    let file: Value =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            format!("is not valid JSON (line {}, column {})", error.line(), error.column())
        })?;
    let console = match file.get("project") {
        Some(project) => of_project(project, client_id)?,
        None => of_credential(&file),
    };
    if console.org_id.is_none() && console.client_id.is_none() && console.client_secrets.is_empty()
    {
        return Err("is not a credential file (no CLIENT_ID, CLIENT_SECRETS, ORG_ID or project); \
                    download it again from Adobe Developer Console"
            .to_owned());
    }
    Ok(console)
}

fn of_credential(file: &Value) -> ConsoleFile {
    let first = |names: &[&str]| names.iter().find_map(|name| text(&file[name]));
    ConsoleFile {
        org_id: first(&["ORG_ID", "IMS_ORG_ID"]),
        client_id: first(&["CLIENT_ID", "API_KEY"]),
        client_secrets: secrets(&file["CLIENT_SECRETS"], &file["CLIENT_SECRET"]),
        scopes: texts(&file["SCOPES"]),
    }
}

fn of_project(project: &Value, client_id: Option<&str>) -> Result<ConsoleFile, String> {
    let credentials = project["workspace"]["details"]["credentials"].as_array();
    let servers: Vec<&Value> = credentials
        .into_iter()
        .flatten()
        .filter_map(|credential| credential.get("oauth_server_to_server"))
        .collect();
    let is_wanted = |server: &&&Value| {
        client_id.is_some() && text(&server["client_id"]).as_deref() == client_id
    };
    let server = match servers.as_slice() {
        [] => {
            return Err(
                "has no OAuth Server-to-Server credential; add one to the project in Adobe \
                        Developer Console and download it again"
                    .to_owned(),
            );
        }
        [one] => one,
        several => several.iter().find(|server| is_wanted(server)).ok_or(
            "has several OAuth Server-to-Server credentials; set adobe.client_id to the one \
             to use",
        )?,
    };
    Ok(ConsoleFile {
        org_id: text(&project["org"]["ims_org_id"]),
        client_id: text(&server["client_id"]),
        client_secrets: secrets(&server["client_secrets"], &Value::Null),
        scopes: texts(&server["scopes"]),
    })
}

fn secrets(several: &Value, one: &Value) -> Vec<SecretString> {
    texts(several).into_iter().chain(text(one)).map(SecretString::from).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).filter(|text| !text.is_empty())
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(text).collect()
}
