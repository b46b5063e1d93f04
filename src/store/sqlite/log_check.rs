//! Finds a file and a write-ahead log that do not belong together, before SQLite opens them.
//!
//! SQLite applies any valid log to any file. After a restore beside an old log it mixes both, without an
//! error, and its own checks find nothing. So the file says, in `user_version`, what to expect: every
//! renewal of the lease makes it a larger odd number, and opening and closing a larger even one. As that
//! number is in the first page, and renewals are frequent:
//!
//! - A log that belongs to the file starts where the file ends, or earlier.
//! - A file with an odd number is in use, or a crash ended that: then it has a log.
//!
//! A copy made by `VACUUM INTO` is complete, and is not in the mode in which a file has a log.

use super::fault::{DAMAGED, cannot};
use crate::store::StoreError;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The id that the first migration writes to the file's header.
pub(super) const APPLICATION_ID: i64 = 1_718_381_924;

/// The length of a log's header, and of the header of each frame.
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The part of the first page that describes the file.
const FILE_HEADER: usize = 100;
/// The largest step of the number from one of its values to the next.
const STEP: u32 = 2;

/// What the file is used for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A daemon holds the lease.
    Leased,
    /// All changes will be in the file once the last connection is closed.
    Closed,
}

/// Writes the next number for `now` into the file.
pub(super) async fn mark(connection: &mut SqliteConnection, now: Use) -> Result<(), StoreError> {
    let failed = cannot("mark the file");
    let number: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let next = match (now, number % 2) {
        (Use::Closed, 0) => return Ok(()),
        (Use::Leased, 1) => number + 2,
        _ => number + 1,
    };
    // A pragma takes no parameters.
    let statement = AssertSqlSafe(format!("PRAGMA user_version = {next}"));
    sqlx::query(statement).execute(connection).await.map_err(failed)?;
    Ok(())
}

/// What is wrong with the file `path` and its log together, and what to do; `None` if they match. What
/// cannot be read here is found by SQLite.
pub(super) fn mismatch(path: &Path) -> Option<String> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let log = beside("-wal");
    let size = match std::fs::metadata(path) {
        Ok(file) => file.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(_) => return None,
    };
    let numbers = LogNumbers::read(&log).unwrap_or_default();
    let shown = log.display();
    if size == 0 {
        return numbers.has_frames.then(|| {
            format!(
                "it is empty or missing, but its write-ahead log {shown} is not; \
                 put the file back, or remove the log and restore a backup"
            )
        });
    }
    let header = FileHeader::read(path).ok()??;
    if !numbers.has_frames && size < header.size {
        return Some(DAMAGED.to_owned());
    }
    if header.uses_log && header.number % 2 == 1 && !log.exists() {
        return Some(format!(
            "its write-ahead log {shown} is missing, and with it perhaps the newest changes; \
             put it back, or restore a backup; only if the file is complete, because another program \
             has emptied the log, run `touch {shown}`"
        ));
    }
    let belongs = header.uses_log
        && numbers.first.is_none_or(|first| first <= header.number.saturating_add(STEP))
        && numbers.last.is_none_or(|last| last >= header.number);
    (numbers.has_frames && !belongs).then(|| {
        format!(
            "{shown} is the write-ahead log of another file and would damage this one; \
             if this is a restored backup, run `rm -f {shown} {}`",
            beside("-shm").display()
        )
    })
}

/// What the first page of a flowmend store says.
#[derive(Debug)]
struct FileHeader {
    /// The number, see the top of this file.
    number: u32,
    /// Whether changes go to a log first.
    uses_log: bool,
    /// The size of the whole file.
    size: u64,
}

impl FileHeader {
    /// `None` if the file is not a flowmend store.
    fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut bytes = [0; FILE_HEADER];
        File::open(path)?.read_exact(&mut bytes)?;
        if !bytes.starts_with(b"SQLite format 3\0") || i64::from(word(&bytes, 68)) != APPLICATION_ID
        {
            return Ok(None);
        }
        let page_size = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 65_536,
            size => u64::from(size),
        };
        // The count is valid only if the writer that changed the file last knew of it.
        let pages = if word(&bytes, 24) == word(&bytes, 92) { word(&bytes, 28) } else { 0 };
        Ok(Some(Self {
            number: word(&bytes, 60),
            uses_log: bytes[18] == 2,
            size: u64::from(pages) * page_size,
        }))
    }
}

/// The numbers in the copies of the first page that a log contains.
#[derive(Debug, Default)]
struct LogNumbers {
    has_frames: bool,
    first: Option<u32>,
    last: Option<u32>,
}

impl LogNumbers {
    fn read(log: &Path) -> io::Result<Self> {
        let mut found = Self::default();
        let mut log = BufReader::new(File::open(log)?);
        let mut header = [0; LOG_HEADER];
        log.read_exact(&mut header)?;
        let page_size = word(&header, 8) as usize;
        if !(512..=65_536).contains(&page_size) {
            return Ok(found);
        }
        let mut frame = vec![0; FRAME_HEADER + page_size];
        // A frame with another salt is left over from before the log started again.
        while log.read_exact(&mut frame).is_ok() && frame[8..16] == header[16..24] {
            found.has_frames = true;
            if word(&frame, 0) == 1 {
                let number = word(&frame, FRAME_HEADER + 60);
                found.first.get_or_insert(number);
                found.last = Some(number);
            }
        }
        Ok(found)
    }
}

/// The big-endian number at `at`.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
