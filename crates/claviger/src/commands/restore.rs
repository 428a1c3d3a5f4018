//! `restore`: a backup into an empty folder or database.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use claviger_app::backup::{self, Head};
use claviger_app::{Clock, Db, FolderLock, Instant, Secrets};
use serde_json::json;

use crate::args::{Global, Restore};
use crate::commands::{passphrase, settings};
use crate::exit::Failure;
use crate::folder::Folder;
use crate::terminal::{self, Progress};

/// Restores.
///
/// # Errors
/// Why nothing was restored; what was begun is taken away again.
pub(crate) async fn run(args: Restore, global: &Global) -> Result<(), Failure> {
    let folder = Folder::of(&settings(global)?);
    let mut file = File::open(&args.file).map_err(|error| Failure::file(&args.file, &error))?;
    let head = backup::check(&mut file).map_err(failed)?;
    check_schema(&head)?;
    check_accepted(&head, args.accept_rights_as_of.as_deref())?;
    let passphrase = passphrase(args.passphrase_file.as_deref())?;
    folder.make()?;
    let lock = folder.lock().await?;
    // Only who has the lock may look whether it is empty, and take away what is in it.
    if !folder.is_empty()? {
        let path = folder.path().display();
        return Err(Failure::new(format!("{path} is not empty: restore into an empty folder")));
    }
    let mut own_secrets = false;
    let restored = match bring_secrets(&folder, &head, passphrase) {
        Ok(made) => {
            own_secrets = made;
            rows(&folder, &head, &mut file, lock).await
        }
        Err(failure) => Err((lock, failure)),
    };
    let noted = folder.epochs().exists();
    let rows = restored.map_err(|(lock, failure)| {
        take_away(&folder, own_secrets);
        drop(lock);
        failure
    })?;
    if !noted {
        terminal::message(&format!(
            "there is no file {}: put the one of the former folder there before the server starts, \
             or locks with no network may be given the same serials twice",
            folder.epochs().display()
        ));
    }
    if global.json {
        terminal::json(&json!({"rows": rows, "rights_as_of": head.taken_at}));
    } else {
        let taken_at = &head.taken_at;
        terminal::answer(&format!(
            "{rows} rows restored, as of {taken_at}. Sessions and tokens have ended; passwords and \
             API clients' secrets are those of the backup."
        ));
    }
    Ok(())
}

fn failed(error: backup::BackupError) -> Failure {
    Failure::new(error.to_string())
}

fn check_schema(head: &Head) -> Result<(), Failure> {
    let (found, known) = (head.schema, claviger_app::known_schema());
    if found == known {
        return Ok(());
    }
    let program = &head.program;
    let what = if found > known {
        "use that version or a later one".to_owned()
    } else {
        format!("restore it with version {program}, then start this one on the folder")
    };
    Err(Failure::new(format!(
        "the backup has schema {found} (written by version {program}), this program has schema \
         {known}: {what}"
    )))
}

fn check_accepted(head: &Head, accepted: Option<&str>) -> Result<(), Failure> {
    let taken_at = &head.taken_at;
    let how = format!(
        "the backup holds the rights as of {taken_at}, and rights revoked since then would live \
         again: if you accept that, say --accept-rights-as-of {taken_at}"
    );
    let Some(text) = accepted else { return Err(Failure::new(how)) };
    let Some(accepted) = Instant::parse(text) else {
        return Err(Failure::new(format!("{text:?} is not a time such as {taken_at}")));
    };
    if accepted == head.taken_at().map_err(failed)? {
        return Ok(());
    }
    Err(Failure::new(format!("{text} is not the time of the backup; {how}")))
}

/// Puts the keys where the server looks for them; says whether this made the file.
fn bring_secrets(
    folder: &Folder,
    head: &Head,
    passphrase: Option<String>,
) -> Result<bool, Failure> {
    let path = folder.secret_file();
    if path.exists() {
        return fits(path, head).map(|()| false);
    }
    let place = path.display();
    let Some(sealed) = &head.secrets else {
        return Err(Failure::new(format!(
            "the backup holds no secrets: put the file of secrets at {place} first"
        )));
    };
    let Some(passphrase) = passphrase else {
        return Err(Failure::new(format!(
            "the backup's secrets are under a passphrase: give it with --passphrase-file, or put \
             the file of secrets at {place}"
        )));
    };
    let text = backup::open_secrets(sealed, &passphrase).map_err(failed)?;
    write_secrets(path, &text).map_err(|error| Failure::file(path, &error))?;
    fits(path, head).map(|()| true).inspect_err(|_| {
        let _ = std::fs::remove_file(path);
    })
}

fn fits(path: &Path, head: &Head) -> Result<(), Failure> {
    if head.fits(&Secrets::load_or_create(path, true)?) {
        return Ok(());
    }
    let path = path.display();
    Err(Failure::new(format!("the secrets in {path} are not those of this backup")))
}

fn write_secrets(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Brings the rows in; the lock comes back with a failure, for whoever takes away what was made.
async fn rows(
    folder: &Folder,
    head: &Head,
    file: &mut File,
    lock: FolderLock,
) -> Result<u64, (FolderLock, Failure)> {
    let rows = match fill(folder, file).await {
        Ok(rows) => rows,
        Err(failure) => return Err((lock, failure)),
    };
    // As a server would open it: what it could not read must not be called restored.
    match folder.store().await {
        Ok(store) => {
            let loaded = store.load().await;
            store.close().await;
            let taken_at = &head.taken_at;
            loaded.map(|_| rows).map_err(|error| {
                let what = format!("the backup of {taken_at} cannot be read again: {error}");
                (lock, Failure::new(what))
            })
        }
        Err(failure) => Err((lock, failure)),
    }
}

async fn fill(folder: &Folder, file: &mut File) -> Result<u64, Failure> {
    let progress = Progress::new();
    let db = Db::open(folder.database()).await?;
    let shown = |rows| progress.show("rows", rows, rows);
    let restored = backup::restore(file, db.clone(), Clock::default().now(), shown).await;
    progress.clear();
    db.close().await;
    restored.map_err(failed)
}

/// Takes away what a restore that failed has made. A database of its own server stays, marked.
fn take_away(folder: &Folder, own_secrets: bool) {
    if own_secrets {
        let _ = std::fs::remove_file(folder.secret_file());
    }
    folder.take_away();
}
