//! Opens the file: inspects it before it writes anything.
//!
//! A file that is not a flowmend store, or one of a newer flowmend, is refused and stays unchanged,
//! byte for byte. It is never replaced by an empty store: with an empty one every failed run would look
//! new and be re-triggered again.

use super::fault;
use super::lock::Lock;
use super::log_check::{APPLICATION_ID, Use, mark, mismatch};
use crate::store::{Readiness, StoreError};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The migrations from an empty file to the newest schema. Never edit a released one.
static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// Finds damage in the tables that prevent a doubled call, including those of older schemas. Invalid
/// values are not damage: reading reports them.
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

/// When a file and its log seem not to match, another look is taken after this.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The number of connections that read at the same time.
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
    let file = StoreFile::new(path)?;
    file.check_log().await?;
    file.create_if_missing()?;
    // Inspect without write access first. If that fails, the inspection below returns the reason.
    let found = match file.inspect_read_only().await {
        Err(error @ StoreError::Unusable { .. }) => return Err(error),
        found => found.ok(),
    };
    let mut connection = file.connect(&file.options()).await?;
    let migrated = async {
        if matches!(found, Some(Found::Store { .. })) {
            file.check(&mut connection).await?;
        }
        file.migrate(&mut connection).await
    }
    .await;
    connection.close().await.map_err(|error| file.cannot_open(error))?;
    migrated?;
    let writer = file.pool(file.options(), 1).await?;
    let readers = file.pool(file.options().read_only(true), READERS).await?;
    let is_new = found == Some(Found::Nothing);
    Ok(Opened { writer, readers, lock: Lock::beside(&file.path), is_new })
}

/// Opens the store in the file `path` as it is.
pub(super) async fn for_reading(path: &Path) -> Result<Opened, StoreError> {
    let file = StoreFile::new(path)?;
    file.check_log().await?;
    if !file.path.exists() {
        return Err(file.nothing_yet());
    }
    let mut options = file.options().read_only(true);
    let found = match file.inspect_read_only().await {
        // Reading takes shared memory in a file. A user who may not create it can still read a file that
        // no daemon has open.
        Err(StoreError::Open { .. }) if !file.has_log() => {
            options = options.immutable(true);
            let mut connection = file.connect(&options).await?;
            let found = file.inspect(&mut connection).await;
            connection.close().await.map_err(|error| file.cannot_open(error))?;
            found?
        }
        found => found?,
    };
    match found {
        Found::Nothing => return Err(file.nothing_yet()),
        Found::Store { version } if version < newest_version() => {
            return Err(file.unusable(
                "an older flowmend wrote it; start this version's daemon once to migrate it",
            ));
        }
        Found::Store { .. } => {}
    }
    let readers = file.pool(options, READERS).await?;
    let lock = Lock::beside(&file.path);
    Ok(Opened { writer: readers.clone(), readers, lock, is_new: false })
}

/// Whether the store in the file `path` can be written, or created. Changes nothing: what is written is
/// rolled back, or has no name.
pub(super) async fn try_writing(path: &Path) -> Result<Readiness, StoreError> {
    let file = StoreFile::new(path)?;
    if !file.path.exists() {
        let directory = file.path.parent().unwrap_or(&file.path);
        tempfile::tempfile_in(directory).map_err(|error| file.cannot_create(error))?;
        return Ok(Readiness::WillBeCreated);
    }
    let found = file.inspect_read_only().await?;
    let mut connection = file.connect(&file.options()).await?;
    let tried = file.write_and_roll_back(&mut connection).await;
    connection.close().await.map_err(|error| file.cannot_open(error))?;
    tried?;
    Ok(match found {
        Found::Nothing => Readiness::WillBeCreated,
        Found::Store { version } if version < newest_version() => Readiness::WillBeMigrated,
        Found::Store { .. } => Readiness::Ready,
    })
}

/// What a usable file contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing: a new store can be created here.
    Nothing,
    /// A flowmend store with the schema of this migration.
    Store { version: i64 },
}

/// The newest migration of this flowmend.
fn newest_version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// The file, by its absolute path.
#[derive(Debug)]
struct StoreFile {
    path: PathBuf,
}

impl StoreFile {
    fn new(path: &Path) -> Result<Self, StoreError> {
        // Absolute, because `:memory:` and `file:…` have a special meaning in SQLite.
        let file = std::path::absolute(path)
            .map(|path| Self { path })
            .map_err(|error| Self { path: path.to_owned() }.cannot_open(sqlx::Error::Io(error)))?;
        if file.path.is_dir() {
            return Err(file.open_error("it is a directory; store.url must name a file", None));
        }
        Ok(file)
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
        options.connect().await.map_err(|error| self.cannot_inspect(error))
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
            // SQLite itself ends a transaction when the disk is full. The driver's own rollback then
            // fails, and the driver still counts the transaction as open: drop such a connection.
            .before_acquire(|connection, _| {
                let usable = !connection.is_in_transaction();
                Box::pin(async move { Ok(usable) })
            })
            .connect_with(options)
            .await
            .map_err(|error| self.cannot_open(error))
    }

    /// Creates an empty file that only its owner, or a group that shares the directory, may read: the
    /// journal shows what is loaded, and when.
    fn create_if_missing(&self) -> Result<(), StoreError> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, super::mode::of_new_file(&self.path));
        match options.open(&self.path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(self.cannot_create(error)),
        }
    }

    /// Refuses a file and a write-ahead log that do not belong together.
    async fn check_log(&self) -> Result<(), StoreError> {
        // Another process may change both between the looks at one and at the other.
        const INTERVALS: [Duration; 3] = [Duration::ZERO, LOOK_AGAIN, LOOK_AGAIN];
        let mut found = None;
        for interval in INTERVALS {
            tokio::time::sleep(interval).await;
            found = mismatch(&self.path);
            if found.is_none() {
                break;
            }
        }
        found.map_or(Ok(()), |hint| Err(self.unusable(hint)))
    }

    /// A transaction that writes and is rolled back.
    async fn write_and_roll_back(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let failed = |error| self.cannot_open(error);
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        sqlx::query("CREATE TABLE can_be_written (it)")
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.rollback().await.map_err(failed)
    }

    /// Inspects the file without write access.
    async fn inspect_read_only(&self) -> Result<Found, StoreError> {
        // First as an immutable file: that takes no lock and creates no write-ahead log, so it leaves
        // nothing next to the database of another program. What is still in the log of a flowmend store
        // is read only the second time.
        let untouched = self.options().read_only(true).immutable(true);
        let has_log = self.has_log();
        let is_store = match self.connect(&untouched).await {
            Ok(mut connection) => {
                let is_store = self.is_store(&mut connection).await;
                connection.close().await.map_err(|error| self.cannot_open(error))?;
                is_store
            }
            Err(error) => Err(error),
        };
        match is_store {
            Ok(true) => {}
            Ok(false) => return Ok(Found::Nothing),
            // While the log is copied into the file, or after a crash at that moment, the file is
            // complete only together with its log.
            Err(_) if has_log => {}
            Err(error) => return Err(error),
        }
        let mut connection = self.connect(&self.options().read_only(true)).await?;
        let found = self.inspect(&mut connection).await;
        connection.close().await.map_err(|error| self.cannot_open(error))?;
        found
    }

    /// True if there is a write-ahead log next to the file, so that the file alone may be incomplete.
    fn has_log(&self) -> bool {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
    }

    async fn inspect(&self, connection: &mut SqliteConnection) -> Result<Found, StoreError> {
        if !self.is_store(connection).await? {
            return Ok(Found::Nothing);
        }
        let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(connection)
            .await
            .map_err(|error| self.cannot_inspect(error))?;
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

    /// True for a flowmend store, false for an empty file; an error for anything else.
    async fn is_store(&self, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
        let failed = |error| self.cannot_inspect(error);
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
            "it is the SQLite database of another program; point store.url at another file",
        ))
    }

    /// Checks the structure of the tables that prevent a doubled call. The journal is by far the largest
    /// table, and damage there is found when it is read.
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

    /// Migrates the file to the newest schema, in one transaction: after a crash the old one is left.
    async fn migrate(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let failed = |error| self.cannot_open(error);
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        self.inspect(&mut transaction).await?;
        MIGRATIONS.run(&mut *transaction).await.map_err(|error| self.cannot_migrate(error))?;
        // Needs write access and writes nothing: SQLite opens a read-only file without an error.
        sqlx::query("DELETE FROM lease WHERE id <> 1")
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        mark(&mut transaction, Use::Closed).await?;
        transaction.commit().await.map_err(failed)?;
        self.switch_to_write_ahead_log(connection).await
    }

    async fn switch_to_write_ahead_log(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        const INTERVAL: Duration = Duration::from_millis(50);
        // SQLite does not wait for the lock that the switch needs, so two daemons that create the same
        // file wait for each other here.
        let mut waited = Duration::ZERO;
        loop {
            let mode = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL")
                .fetch_one(&mut *connection)
                .await;
            match mode {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(_) => {
                    return Err(self.open_error(
                        "its file system does not support shared memory; move it to a local disk",
                        None,
                    ));
                }
                Err(error) if fault::is_busy(&error) && waited < BUSY_TIMEOUT => {
                    tokio::time::sleep(INTERVAL).await;
                    waited += INTERVAL;
                }
                Err(error) => return Err(self.cannot_open(error)),
            }
        }
    }

    fn cannot_inspect(&self, error: sqlx::Error) -> StoreError {
        if fault::is_not_a_database(&error) {
            return self.unusable(
                "it is not an SQLite database, or a damaged one; point store.url at another file, \
                 or restore a backup",
            );
        }
        if fault::is_unknown_schema(&error) {
            return self.unusable("its tables are not flowmend's; restore a backup");
        }
        self.cannot_open(error)
    }

    fn cannot_migrate(&self, error: MigrateError) -> StoreError {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                self.cannot_open(error)
            }
            other => {
                self.unusable(format!("its schema is not that of a released flowmend: {other}"))
            }
        }
    }

    fn nothing_yet(&self) -> StoreError {
        self.open_error("there is no store yet; the daemon creates it when it first runs", None)
    }

    fn cannot_create(&self, error: std::io::Error) -> StoreError {
        let directory = self.path.parent().unwrap_or(&self.path).display();
        let hint = match error.kind() {
            ErrorKind::NotFound => format!("the directory {directory} does not exist; create it"),
            ErrorKind::PermissionDenied => {
                format!("this user has no write access to {directory}; check its owner")
            }
            _ => format!("cannot create a file in {directory}"),
        };
        self.open_error(hint, Some(sqlx::Error::Io(error)))
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
