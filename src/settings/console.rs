//! The credential file that Adobe Developer Console offers for download, in both of its forms: the
//! flat one of a credential, and that of a whole project. (Adobe's Developer Console documentation,
//! *OAuth Server-to-Server*; the older names `API_KEY` and `IMS_ORG_ID` are seen in public code.)
//!
//! It is taken apart by hand: the messages of a derived reader would repeat values.

use secrecy::SecretString;
use serde_json::Value;

/// What such a file says.
#[derive(Debug, Default)]
pub(super) struct Console {
    pub(super) org_id: Option<String>,
    pub(super) client_id: Option<String>,
    /// A credential may have two secrets while they are being exchanged.
    pub(super) client_secrets: Vec<SecretString>,
    pub(super) scopes: Vec<String>,
}

/// Reads the file's text. Of several credentials in a project, the one of `client_id` is taken.
/// The message goes on after the name of the file.
pub(super) fn parse(text: &str, client_id: Option<&str>) -> Result<Console, String> {
    let file: Value =
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            format!("is not JSON (line {}, column {})", error.line(), error.column())
        })?;
    let console = match file.get("project") {
        Some(project) => of_project(project, client_id)?,
        None => of_credential(&file),
    };
    if console.org_id.is_none() && console.client_id.is_none() && console.client_secrets.is_empty()
    {
        return Err("is no credential file: it has neither CLIENT_ID, CLIENT_SECRETS and ORG_ID \
                    nor a project; download it from Adobe Developer Console"
            .to_owned());
    }
    Ok(console)
}

fn of_credential(file: &Value) -> Console {
    let first = |names: &[&str]| names.iter().find_map(|name| text(&file[name]));
    Console {
        org_id: first(&["ORG_ID", "IMS_ORG_ID"]),
        client_id: first(&["CLIENT_ID", "API_KEY"]),
        client_secrets: secrets(&file["CLIENT_SECRETS"], &file["CLIENT_SECRET"]),
        scopes: texts(&file["SCOPES"]),
    }
}

fn of_project(project: &Value, client_id: Option<&str>) -> Result<Console, String> {
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
            "has several OAuth Server-to-Server credentials; name the one to use in \
             adobe.client_id",
        )?,
    };
    Ok(Console {
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
