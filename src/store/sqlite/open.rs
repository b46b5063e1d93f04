//! Opening the file: it is looked at before it is touched.
//!
//! Whatever is not a flowmend store, or is one of a newer flowmend, is refused and stays as it is,
//! byte for byte. It is never replaced by an empty one: an empty store would take every failed run
//! for a new one and re-trigger it again.

use super::fault;
use super::lock::Lock;
use crate::store::StoreError;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The steps from nothing to the newest schema. A released step is never edited.
static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// The mark that the first migration puts into the file's header.
const APPLICATION_ID: i64 = 1_718_381_924;

/// What is wrong with the tables that a doubled call depends on, those of older schemas included.
/// Odd values are no damage: reading names them.
const CHECK: [&str; 3] = [
    "PRAGMA ignore_check_constraints = ON",
    "SELECT quick_check FROM sqlite_schema JOIN pragma_quick_check(name)
     WHERE type = 'table' AND quick_check <> 'ok' AND name IN (
         'recoveries', 'attempts', 'recovery', 'attempt', 'runs', 'flows', 'failures'
     )",
    "PRAGMA ignore_check_constraints = OFF",
];

/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The most questions that are answered at the same time.
const READERS: u32 = 4;

/// An open store.
#[derive(Debug)]
pub(super) struct Opened {
    /// A single connection, so that writers queue here and not at the file.
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
    pub(super) lock: Lock,
    pub(super) is_new: bool,
}

/// Opens, creates or migrates the store in the file `path`.
pub(super) async fn for_writing(path: &Path) -> Result<Opened, StoreError> {
    let place = Place::new(path)?;
    place.create_if_missing()?;
    // A first look that cannot write. If it fails, the second look below says why.
    let found = match place.look_read_only().await {
        Err(error @ StoreError::Unusable { .. }) => return Err(error),
        found => found.ok(),
    };
    let mut connection = place.connect(&place.options()).await?;
    let prepared = match found {
        Some(Found::Store { .. }) => place.check(&mut connection).await,
        _ => Ok(()),
    };
    let prepared = match prepared {
        Ok(()) => place.prepare(&mut connection).await,
        damaged => damaged,
    };
    connection.close().await.map_err(|error| place.cannot_open(error))?;
    prepared?;
    let writer = place.pool(place.options(), 1).await?;
    let readers = place.pool(place.options().read_only(true), READERS).await?;
    let is_new = found == Some(Found::Nothing);
    Ok(Opened { writer, readers, lock: Lock::beside(&place.path), is_new })
}

/// Opens the store in the file `path` as it is.
pub(super) async fn for_reading(path: &Path) -> Result<Opened, StoreError> {
    let place = Place::new(path)?;
    if !place.path.exists() {
        return Err(place.nothing_yet());
    }
    match place.look_read_only().await? {
        Found::Nothing => return Err(place.nothing_yet()),
        Found::Store { version } if version < newest_version() => {
            return Err(place.unusable(
                "an older flowmend wrote it; start this version's daemon once, \
                 it brings the store up to date",
            ));
        }
        Found::Store { .. } => {}
    }
    let readers = place.pool(place.options().read_only(true), READERS).await?;
    let lock = Lock::beside(&place.path);
    Ok(Opened { writer: readers.clone(), readers, lock, is_new: false })
}

/// What a usable file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing at all: a new store can be made here.
    Nothing,
    /// A store of ours with the schema of this migration.
    Store { version: i64 },
}

/// The newest migration this flowmend knows.
fn newest_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// The file, under its absolute name.
#[derive(Debug)]
struct Place {
    path: PathBuf,
}

impl Place {
    fn new(path: &Path) -> Result<Self, StoreError> {
        // Absolute, because SQLite gives `:memory:` and `file:…` a meaning of their own.
        let place = std::path::absolute(path)
            .map(|path| Self { path })
            .map_err(|error| Self { path: path.to_owned() }.cannot_open(sqlx::Error::Io(error)))?;
        if place.path.is_dir() {
            return Err(place.open_error("it is a directory; store.url has to name a file", None));
        }
        Ok(place)
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .disable_statement_logging()
    }

    async fn connect(
        &self,
        options: &SqliteConnectOptions,
    ) -> Result<SqliteConnection, StoreError> {
        // Connecting reads the file's header already.
        options.connect().await.map_err(|error| self.cannot_look(error))
    }

    async fn pool(
        &self,
        options: SqliteConnectOptions,
        connections: u32,
    ) -> Result<SqlitePool, StoreError> {
        let options = options.synchronous(SqliteSynchronous::Full);
        SqlitePoolOptions::new()
            .max_connections(connections)
            .idle_timeout(None)
            .max_lifetime(None)
            // SQLite itself ends a transaction that meets a full disk, and then the driver's own
            // rollback fails and is never forgotten: such a connection can begin nothing any more.
            .before_acquire(|connection, _| {
                let usable = !connection.is_in_transaction();
                Box::pin(async move { Ok(usable) })
            })
            .connect_with(options)
            .await
            .map_err(|error| self.cannot_open(error))
    }

    /// Makes an empty file that only its owner may read: the journal tells what is loaded, and when.
    fn create_if_missing(&self) -> Result<(), StoreError> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&self.path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => {
                let directory = self.path.parent().unwrap_or(&self.path).display();
                let hint = match error.kind() {
                    ErrorKind::NotFound => {
                        format!("the directory {directory} does not exist; create it")
                    }
                    ErrorKind::PermissionDenied => {
                        format!("this user may not write in {directory}; check its owner")
                    }
                    _ => format!("no file can be made in {directory}"),
                };
                Err(self.open_error(hint, Some(sqlx::Error::Io(error))))
            }
        }
    }

    /// Looks at the file without the means to write it.
    async fn look_read_only(&self) -> Result<Found, StoreError> {
        // First as if nobody could change it: no lock is taken and no write-ahead log is set up, so
        // beside the database of another program nothing is left behind. What the log may still
        // hold of a store of ours is seen only the second time.
        let untouched = self.options().read_only(true).immutable(true);
        let has_log = self.has_log();
        let ours = match self.connect(&untouched).await {
            Ok(mut connection) => {
                let ours = self.is_ours(&mut connection).await;
                connection.close().await.map_err(|error| self.cannot_open(error))?;
                ours
            }
            Err(error) => Err(error),
        };
        match ours {
            Ok(true) => {}
            Ok(false) => return Ok(Found::Nothing),
            // Whoever copies the log into the file, or died while doing so, leaves a file that is
            // whole only together with its log.
            Err(_) if has_log => {}
            Err(error) => return Err(error),
        }
        let mut connection = self.connect(&self.options().read_only(true)).await?;
        let found = self.look(&mut connection).await;
        connection.close().await.map_err(|error| self.cannot_open(error))?;
        found
    }

    /// Whether a write-ahead log lies beside the file, so that the file alone tells nothing.
    fn has_log(&self) -> bool {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
    }

    async fn look(&self, connection: &mut SqliteConnection) -> Result<Found, StoreError> {
        if !self.is_ours(connection).await? {
            return Ok(Found::Nothing);
        }
        let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(connection)
            .await
            .map_err(|error| self.cannot_look(error))?;
        let version = version.unwrap_or(0);
        if version > newest_version() {
            return Err(self.unusable(format!(
                "a newer flowmend wrote it (schema {version}, this one knows {}); \
                 run that version, or restore a backup from before the upgrade",
                newest_version(),
            )));
        }
        Ok(Found::Store { version })
    }

    /// Whether the file is a store rather than nothing yet; an error if it is anything else.
    async fn is_ours(&self, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
        let failed = |error| self.cannot_look(error);
        let mark: i64 = sqlx::query_scalar("PRAGMA application_id")
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
        if mark == APPLICATION_ID {
            return Ok(true);
        }
        let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
            .fetch_one(connection)
            .await
            .map_err(failed)?;
        if mark == 0 && tables == 0 {
            return Ok(false);
        }
        Err(self.unusable(
            "it is the SQLite database of another program; let store.url name another file",
        ))
    }

    /// Checks the structure of what a doubled call depends on. The journal is by far the largest
    /// table, and damage there shows when it is read.
    async fn check(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        for check in CHECK {
            match sqlx::query(check).fetch_optional(&mut *connection).await {
                Ok(None) => {}
                Ok(Some(_)) => return Err(self.damaged()),
                Err(error) if fault::is_not_a_database(&error) => return Err(self.damaged()),
                Err(error) => return Err(self.cannot_open(error)),
            }
        }
        Ok(())
    }

    fn damaged(&self) -> StoreError {
        self.unusable(fault::DAMAGED)
    }

    /// Brings the file to the newest schema, in one transaction: a crash leaves the old one.
    async fn prepare(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let failed = |error| self.cannot_open(error);
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        self.look(&mut transaction).await?;
        MIGRATIONS.run(&mut *transaction).await.map_err(|error| self.cannot_migrate(error))?;
        // Asks for the right to write, and writes nothing: SQLite opens a read-only file without a word.
        sqlx::query("DELETE FROM lease WHERE id <> 1")
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        self.switch_to_write_ahead_log(connection).await
    }

    async fn switch_to_write_ahead_log(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        const PAUSE: Duration = Duration::from_millis(50);
        // SQLite does not wait for the lock that the switch needs, so two daemons that meet at a
        // new file take turns here.
        let mut waited = Duration::ZERO;
        loop {
            let mode = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL")
                .fetch_one(&mut *connection)
                .await;
            match mode {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(_) => {
                    return Err(self.open_error(
                        "its file system has no shared memory; put it on a local disk",
                        None,
                    ));
                }
                Err(error) if fault::is_busy(&error) && waited < BUSY_TIMEOUT => {
                    tokio::time::sleep(PAUSE).await;
                    waited += PAUSE;
                }
                Err(error) => return Err(self.cannot_open(error)),
            }
        }
    }

    fn cannot_look(&self, error: sqlx::Error) -> StoreError {
        if fault::is_not_a_database(&error) {
            return self.unusable(
                "it is not an SQLite database, or a damaged one; let store.url name another file, \
                 or restore a backup",
            );
        }
        if fault::is_odd_schema(&error) {
            return self.unusable("its tables are not those of flowmend; restore a backup");
        }
        self.cannot_open(error)
    }

    fn cannot_migrate(&self, error: MigrateError) -> StoreError {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                self.cannot_open(error)
            }
            other => {
                self.unusable(format!("its schema is not one of a released flowmend: {other}"))
            }
        }
    }

    fn nothing_yet(&self) -> StoreError {
        self.open_error("there is no store yet; has the daemon run?", None)
    }

    fn cannot_open(&self, error: sqlx::Error) -> StoreError {
        self.open_error(fault::hint(&error), Some(error))
    }

    fn open_error(&self, hint: impl Into<String>, source: Option<sqlx::Error>) -> StoreError {
        StoreError::Open { url: self.url(), hint: hint.into(), source }
    }

    fn unusable(&self, hint: impl Into<String>) -> StoreError {
        StoreError::Unusable { url: self.url(), hint: hint.into() }
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.path.display())
    }
}
