//! `[heartbeat]`: a URL that is requested after each pass, so that somebody else notices silence.

use super::web_address::{self, WebAddress};
use crate::settings::read::section::Section;

/// Reads `[heartbeat]`; `None` if a key is faulty.
pub(crate) fn read(section: &mut Section<'_>) -> Option<Option<WebAddress>> {
    web_address::read(section)
}
