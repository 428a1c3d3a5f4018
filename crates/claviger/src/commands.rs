//! The commands, one file each, and what they share: settings, the log, the runtime.
//!
//! Must not do a command's work.

mod backup;
mod compat;
mod demo;
mod export;
mod forget_account;
mod import;
mod restore;
mod root;
mod serve;
mod setup;
mod sim;
mod verify;

use std::io;
use std::path::{Path, PathBuf};

use crate::args::{Args, Command, Global};
use crate::config::{Config, Partial};
use crate::exit::Failure;
use crate::logs;

/// Does the command.
///
/// # Errors
/// Why it was not done.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("threads cannot be started: {error}")))?;
    let done = runtime.block_on(one(args));
    // What still reads a name or a file has nobody to answer to.
    runtime.shutdown_background();
    done
}

async fn one(args: Args) -> Result<(), Failure> {
    let Args { command, global } = args;
    match command {
        Command::Serve(args) => serve::run(args, &global).await,
        Command::Demo(args) => demo::run(args, &global).await,
        Command::Setup(args) => setup::run(args, &global).await,
        Command::Compat(args) => compat::run(args, &global).await,
        Command::Import(args) => import::run(args, &global).await,
        Command::Export(args) => export::run(args, &global).await,
        Command::Backup(args) => backup::run(args, &global).await,
        Command::Restore(args) => restore::run(args, &global).await,
        Command::Root(args) => root::run(args, &global).await,
        Command::ForgetAccount(args) => forget_account::run(args, &global).await,
        Command::Verify => verify::run(&global).await,
        Command::Sim(args) => sim::run(args, &global).await,
    }
}

fn environment() -> Result<Partial, Failure> {
    Partial::environment(&|name| std::env::var(name).ok())
}

/// The settings of a command that is no server, from flags and environment; starts the log, which
/// is silent unless it is asked for: what goes wrong is said once.
///
/// # Errors
/// A setting that makes no sense.
fn settings(global: &Global) -> Result<Config, Failure> {
    let config = global.partial().over(environment()?).settle()?;
    logs::start(config.log_format, config.log.as_deref().unwrap_or("off"))?;
    Ok(config)
}

/// The passphrase: the first line of a file, or the environment's.
///
/// # Errors
/// The file cannot be read; the passphrase is too short.
fn passphrase(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let text = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            Some(text.map_err(|error| Failure::file(path, &error))?)
        }
        None => std::env::var("CLAVIGER_PASSPHRASE").ok(),
    };
    let Some(text) = text else { return Ok(None) };
    let line = text.lines().next().unwrap_or_default().to_owned();
    if line.chars().count() < 8 {
        return Err(Failure::new("the passphrase must have at least 8 characters"));
    }
    Ok(Some(line))
}

/// A file that gets its name when it is complete, and replaces none.
struct NewFile {
    path: PathBuf,
    unfinished: PathBuf,
    file: std::fs::File,
}

impl NewFile {
    /// Begins a file that only its owner may read.
    fn begin(path: &Path) -> Result<NewFile, Failure> {
        use std::os::unix::fs::OpenOptionsExt as _;
        if path.symlink_metadata().is_ok() {
            return Err(Failure::new(format!("{} is there already", path.display())));
        }
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".unfinished-{}", std::process::id()));
        let unfinished = PathBuf::from(name);
        let mut options = std::fs::OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(&unfinished);
        let file = opened.map_err(|error| Failure::file(path, &error))?;
        Ok(NewFile { path: path.to_owned(), unfinished, file })
    }

    /// Makes it durable under its name.
    fn finish(self) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::file(&self.path, &error);
        self.file.sync_all().map_err(failed)?;
        name(&self.unfinished, &self.path, link).map_err(failed)?;
        let folder = self.path.parent().filter(|it| !it.as_os_str().is_empty());
        // Some file systems of others cannot do this for a folder.
        let _ = std::fs::File::open(folder.unwrap_or(Path::new("."))).and_then(|it| it.sync_all());
        Ok(())
    }
}

type Link = fn(&Path, &Path) -> io::Result<()>;

fn link(file: &Path, name: &Path) -> io::Result<()> {
    std::fs::hard_link(file, name)
}

/// Gives a file a name that nothing has: by a link, which unlike a rename never replaces. Where the
/// file system has none, as FAT, an empty file takes the name first, and nothing but that is
/// replaced.
fn name(file: &Path, name: &Path, link: Link) -> io::Result<()> {
    match link(file, name) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {}
        done => return done,
    }
    std::fs::OpenOptions::new().write(true).create_new(true).open(name)?;
    std::fs::rename(file, name).inspect_err(|_| {
        let _ = std::fs::remove_file(name);
    })
}

impl Drop for NewFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.unfinished);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_links(_: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    #[test]
    fn a_file_gets_its_name_where_there_are_no_links_and_replaces_none() {
        let folder = std::env::temp_dir().join(format!("claviger-name-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for link in [no_links as Link, link] {
            let (file, named) = (folder.join("unfinished"), folder.join("named"));
            std::fs::write(&file, "new").unwrap();
            name(&file, &named, link).unwrap();
            assert_eq!(std::fs::read_to_string(&named).unwrap(), "new");
            // After a link both names are of one file.
            let _ = std::fs::remove_file(&file);
            std::fs::write(&file, "newer").unwrap();
            let refused = name(&file, &named, link).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read_to_string(&named).unwrap(), "new");
            std::fs::remove_file(&named).unwrap();
            // What cannot be had leaves no empty file behind.
            std::fs::remove_file(&file).unwrap();
            assert!(name(&file, &named, link).is_err() && !named.exists());
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
